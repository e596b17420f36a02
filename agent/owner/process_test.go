// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

func TestParseCgroup(t *testing.T) {
	const hybrid = "9:name=systemd:/a\n5:cpu,memory:/kubepods/b:c\n3:memorytrap:/no\n0::/system.slice/d\n"
	require.Equal(t, "/kubepods/b:c", parseCgroup(hybrid, schema.CgroupMemory))
	require.Equal(t, "/system.slice/d", parseCgroup(hybrid, schema.CgroupV2))
	require.Empty(t, parseCgroup("0::/d", schema.CgroupMemory))
	require.Empty(t, parseCgroup("4:memory:/d", schema.CgroupV2))
	for _, text := range []string{"", "0", "0:", ":::", "\n"} {
		require.Empty(t, parseCgroup(text, schema.CgroupV2), "%q", text)
	}
}
