// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/test/tables"
)

// A stack that comes after the first answer is named in the next one: nothing has to be loaded again.
func TestALateStackIsNamedInTheNextAnswer(t *testing.T) {
	ch, db := tables.Start(t)
	path := func() string {
		code, out, errs := run(t, ch, "--from=-1h", "--to=now")
		require.Zero(t, code, errs)
		return out
	}
	tables.Exec(t, db, "INSERT INTO connections (closed_at, host, cause, stack_id, received_at) VALUES (now64(6) - 60, 'web-1', 'peer_reset', 77, now64(6))")
	require.Contains(t, path(), "not symbolized yet")
	for i := range 3 { // better resolved each time
		tables.Exec(t, db, fmt.Sprintf(`INSERT INTO stacks (stack_id, fp, frames_resolved, symbols, modules, received_at)
			VALUES (77, %[1]d, %[1]d, ['tcp_v%[1]d_do_rcv+0x1'], ['kernel'], now64(6))`, i+4))
		require.Contains(t, path(), fmt.Sprintf("tcp_v%d_do_rcv", i+4))
	}
}
