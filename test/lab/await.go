// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

// kernelTimeout bounds how long a test waits for the kernel. On a busy machine packets wait for softirqs.
const kernelTimeout = wait.Long

// Await waits until the kernel has the socket in that state, as ss spells it ("time-wait"); also after its descriptor was
// closed.
func (s *Socket) Await(state string) {
	s.Actor.t.Helper()
	s.Actor.Host.await(s.Actor.t, func(listed string) bool { return listed != "" }, append([]string{"-Htan", "state", state}, s.filter()...)...)
}

// AwaitGone waits until the kernel has no socket of that tuple any more.
func (s *Socket) AwaitGone() {
	s.Actor.t.Helper()
	s.Actor.Host.await(s.Actor.t, func(listed string) bool { return listed == "" }, append([]string{"-Htan", "state", "all"}, s.filter()...)...)
}

// AwaitQueue waits until n connections wait in the listener's queue to be accepted.
func (s *Socket) AwaitQueue(n int) {
	s.Actor.t.Helper()
	s.Actor.Host.await(s.Actor.t, func(listed string) bool {
		fields := strings.Fields(listed)
		return len(fields) > 1 && fields[0] == strconv.Itoa(n)
	}, "-Htn", "state", "listening", "sport", "=", port(s.Local))
}

// AwaitPersist waits until the socket probes its peer's closed window.
func (s *Socket) AwaitPersist() {
	s.Actor.t.Helper()
	s.Actor.Host.await(s.Actor.t, func(listed string) bool { return strings.Contains(listed, "(persist") }, append([]string{"-Hton"}, s.filter()...)...)
}

// filter is ss's expression for the tuple's ports, which no two sockets of a lab share but the ends of one loopback.
func (s *Socket) filter() []string {
	return []string{"sport", "=", port(s.Local), "and", "dport", "=", port(s.Remote)}
}

func port(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }

// await asks ss until its output is as wanted.
func (h *Host) await(t testing.TB, wanted func(string) bool, args ...string) {
	t.Helper()
	require.Eventually(t, func() bool { return wanted(strings.TrimSpace(h.Run(t, "ss", args...))) }, kernelTimeout, 5*time.Millisecond, "ss %s", strings.Join(args, " "))
}
