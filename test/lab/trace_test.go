// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTraceShowsTheEventsOfASocket(t *testing.T) {
	l := New(t)
	tr := StartTrace(t)
	if tr == nil {
		t.Skip("no tracefs")
	}
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	server.Linger0()
	server.Close()
	client.Read(1)
	client.Close()
	text, err := os.ReadFile(filepath.Join(tr.dir, "trace"))
	require.NoError(t, err)
	for _, event := range traced {
		require.True(t, containsLine(string(text), func(line string) bool {
			return strings.Contains(line, filepath.Base(event)+":") && names(line, client.Local) && names(line, server.Local) && task.MatchString(line)
		}), "%s\n%s", event, text)
	}
	require.NotPanics(t, func() { tr.Unseen(t, client.Local, server.Local) })
	require.Empty(t, (*Trace)(nil).Unseen(t, client.Local, server.Local))
}

func containsLine(text string, wanted func(string) bool) bool {
	for line := range strings.Lines(text) {
		if wanted(line) {
			return true
		}
	}
	return false
}

// TestUnseenIsOfProcess1AndTheSocket: the task's name may have dashes and numbers.
func TestUnseenIsOfProcess1AndTheSocket(t *testing.T) {
	a, b := netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:5000")
	const state = "    [000] ..s1.  22.73: inet_sock_set_state: family=AF_INET sport=4000 dport=5000 saddr=10.0.0.1 newstate=TCP_CLOSE\n"
	const reset = "    [001] ..s1.  22.73: tcp_send_reset: skbaddr=0 src=10.0.0.1:4000 dest=10.0.0.2:5000 state=TCP_CLOSE\n"
	require.Len(t, unseen(" tokio-rt-7-1"+state+" init-1"+reset, a, b), 2)
	require.Len(t, unseen(" init-1"+state, b, a), 1)
	require.Empty(t, unseen(fmt.Sprintf("# tracer: nop\n me-1-%d%s", os.Getpid(), state), a, b))
	require.Empty(t, unseen(" init-1"+strings.ReplaceAll(state, "4000", "40001"), a, b))
}
