// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

func TestShowRemote(t *testing.T) {
	for s, want := range map[string]string{"10.0.0.5": "10.0.0.5", "10.0.0.5/8": "10.0.0.0/8", "2001:db8::/32": "2001:db8::/32",
		"::/0": "::/0", "0.0.0.0/0": "0.0.0.0/0", "::1": "::1"} {
		p, err := query.ParseRemote(s)
		require.NoError(t, err)
		require.Equal(t, want, showRemote(p))
	}
}
