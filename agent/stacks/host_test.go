// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// A process that gave CAP_SYSLOG up sees the addresses through the files that it opened before, also of code that was loaded
// since. The capability is gone for good, so it happens in a process of its own.
func TestAddressesAreSeenAfterCapSyslogIsGone(t *testing.T) {
	liveResolver(t)
	const inChild = "TCPLEDGER_TEST_WITHOUT_SYSLOG"
	if os.Getenv(inChild) == "" {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		child.Env = append(os.Environ(), inChild+"=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, string(out))
		return
	}
	host := OpenHost()
	defer host.Close()
	set := cap.GetProc()
	require.NoError(t, set.SetFlag(cap.Effective, false, cap.SYSLOG))
	require.NoError(t, set.SetFlag(cap.Permitted, false, cap.SYSLOG))
	require.NoError(t, set.SetProc())

	late, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "loaded_late", Type: ebpf.SocketFilter, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	require.NoError(t, err)
	defer func() { require.NoError(t, late.Close()) }()
	for range 2 {
		r := NewResolver(host)
		require.NoError(t, r.Read())
		require.NoError(t, r.Readable())
		require.NotEmpty(t, line(t, host, "_loaded_late"))
		require.NotContains(t, line(t, host, "_loaded_late"), "0000000000000000")
	}
	require.ErrorIs(t, NewResolver(os.DirFS("/")).Read(), errHidden, "a file that is opened now hides them")
}

// line is the line of /proc/kallsyms with this text, "" without.
func line(t *testing.T, host *Host, part string) string {
	t.Helper()
	f, err := host.Open("proc/kallsyms")
	require.NoError(t, err)
	content, err := io.ReadAll(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for l := range strings.Lines(string(content)) {
		if strings.Contains(l, part) {
			return l
		}
	}
	return ""
}
