// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A forked child holds the descriptor after its parent died, and is a process of its own.
func TestForkedChild(t *testing.T) {
	l := New(t)
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client").Dial(listener.Local)
	server := listener.Accept()
	heir := client.Inherit("heir")
	require.NotEqual(t, client.Actor.PID, heir.Actor.PID)
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", heir.Actor.PID))
	require.NoError(t, err)
	require.Equal(t, heir.Actor.Comm, strings.TrimSpace(string(comm)))
	client.Actor.Kill()
	heir.Write(3)
	require.Equal(t, 3, server.Read(3))
	heir.Actor.Kill()
	require.Zero(t, server.Read(1))
}

// A call on a named thread is the same process's.
func TestThread(t *testing.T) {
	l := New(t)
	listener := l.B.Actor(t, "server").Listen(l.B.IPv4, 4)
	client := l.A.Actor(t, "client")
	s := client.Thread("poller").Dial(listener.Local)
	require.Equal(t, client.PID, s.Actor.PID)
	server := listener.Accept()
	s.Write(2)
	require.Equal(t, 2, server.Read(2))
	s.Close()
	require.Zero(t, server.Read(1))
}

// The counters are the namespace's own.
func TestCounters(t *testing.T) {
	l := New(t)
	require.Zero(t, l.A.Counters(t)["TcpActiveOpens"])
	a := l.A.Actor(t, "client")
	a.StartRefusals(netip.AddrPortFrom(l.B.IPv4, 9), 5)
	a.FinishStorm()
	require.EqualValues(t, 5, l.A.Counters(t)["TcpActiveOpens"])
	require.EqualValues(t, 5, l.A.Counters(t)["TcpAttemptFails"])
	require.EqualValues(t, 5, l.B.Counters(t)["TcpOutRsts"])
	require.Contains(t, l.A.Counters(t), "TcpExtTCPAbortOnData")
	require.Error(t, parseCounters(map[string]int64{}, "Tcp: A B\nTcp: 1\n"))
	require.Error(t, parseCounters(map[string]int64{}, "Tcp: A\n"))
	require.Error(t, parseCounters(map[string]int64{}, "Tcp: A\nTcp: x\n"))
}

// A storm that was started goes on while the test does something else.
func TestStormInTheBackground(t *testing.T) {
	l := New(t)
	a, b := l.A.Actor(t, "one"), l.A.Actor(t, "two")
	for i, actor := range []*Actor{a, b} {
		actor.Pin(t, i%2)
		actor.StartStorm(netip.MustParseAddr("127.0.0.1"), 50)
	}
	a.FinishStorm()
	b.FinishStorm()
	require.EqualValues(t, 100, l.A.Counters(t)["TcpPassiveOpens"])
	require.Eventually(t, func() bool { return l.A.Counters(t)["TcpCurrEstab"] == 0 }, kernelTimeout, time.Millisecond)
}
