// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// StartStorm is Storm without waiting: several actors storm at a time. FinishStorm waits.
func (a *Actor) StartStorm(ip netip.Addr, n int) {
	a.t.Helper()
	require.NoError(a.t, a.in.Encode(command{Op: "storm", IP: ip.String(), N: n}))
}

// StartRefusals starts n connects to a port without a listener. A reset answers each. FinishStorm waits for the end.
func (a *Actor) StartRefusals(to netip.AddrPort, n int) {
	a.t.Helper()
	require.NoError(a.t, a.in.Encode(command{Op: "refusals", IP: to.Addr().String(), Port: to.Port(), N: n}))
}

// FinishStorm waits for the end of what StartStorm or StartRefusals started.
func (a *Actor) FinishStorm() {
	a.t.Helper()
	require.True(a.t, a.out.Scan(), "%s died in its storm", a.Comm)
	var ans answer
	require.NoError(a.t, json.Unmarshal(a.out.Bytes(), &ans))
	require.Zero(a.t, ans.Errno, "%s: storm: %v after %d", a.Comm, unix.Errno(ans.Errno), ans.N)
}

// Pin keeps the actor on one CPU.
func (a *Actor) Pin(t testing.TB, cpu int) {
	t.Helper()
	var set unix.CPUSet
	set.Set(cpu)
	require.NoError(t, unix.SchedSetaffinity(int(a.PID), &set))
}

// refusals opens and closes n sockets whose connect is refused.
func refusals(c *command) (answer, error) {
	for i := range c.N {
		fd, err := unix.Socket(family(c.IP), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return answer{N: i}, err
		}
		if err := unix.Connect(fd, sockaddr(c.IP, c.Port)); !errors.Is(err, unix.ECONNREFUSED) {
			return answer{N: i}, errors.Join(err, unix.Close(fd))
		}
		if err := unix.Close(fd); err != nil {
			return answer{N: i}, err
		}
	}
	return answer{N: c.N}, nil
}
