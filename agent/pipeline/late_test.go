// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netns"

	"tcpledger/agent/capture"
	"tcpledger/bpf"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

// waitsItself has a client wait for its peer's FIN itself, not as a minisock, and gives the namespace of the caller's thread.
func waitsItself(t *testing.T) *os.File {
	t.Helper()
	require.NoError(t, os.WriteFile("/proc/sys/net/ipv4/tcp_fin_timeout", []byte("120"), 0o644))
	here, err := os.Open("/proc/thread-self/ns/net")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, here.Close()) })
	return here
}

// lateData makes connections whose client has closed when its peer's data comes, from several threads in a namespace.
func lateData(t *testing.T, here *os.File, workers, each int, stop *atomic.Bool) {
	t.Helper()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends with its namespace
			if err := netns.Set(netns.NsHandle(here.Fd())); err != nil {
				t.Error(err)
				return
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			for i := 0; i < each && !stop.Load() && err == nil; i++ {
				err = oneLate(l)
			}
			if err != nil {
				t.Error(err)
			}
			_ = l.Close()
		})
	}
	group.Wait()
}

func oneLate(l net.Listener) error {
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	server, err := l.Accept()
	if err != nil {
		return err
	}
	if err := client.Close(); err != nil {
		return err
	}
	_, err = server.Write([]byte("late"))
	_ = server.Close() // the reset came before
	return err
}

// clients gives the endings of the test's clients. An agent of another test that starts meanwhile reads all tasks' files; the
// client whose file it holds is closed by that agent, after the late data. These clients are only counted.
func (r *live) clients() (ended []schema.Connection, held int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.ended {
		switch {
		case c.NetNS != r.netns || c.Role != schema.RoleClient:
		case c.Owner.How == schema.OwnerClose && int(c.Owner.PID) != os.Getpid():
			held++
		default:
			ended = append(ended, c)
		}
	}
	return ended, held
}

// onlyLateOrUnknown checks that no client ended in another way, and counts those whose cause is known.
func (r *live) onlyLateOrUnknown() (late int) {
	r.t.Helper()
	clients, _ := r.clients()
	for _, c := range clients {
		switch v := schema.Decide(&c); v.Cause {
		case schema.CauseDataAfterClose:
			late++
		case schema.CauseUnknown:
		default:
			r.t.Errorf("%+v from %+v", v, c)
		}
	}
	return late
}

// TestLostResetLeavesDoubt: only the reset distinguishes late data from a reset of the peer and from a clean close. If the ring
// buffer had no room for it, the cause is unknown.
func TestLostResetLeavesDoubt(t *testing.T) {
	r := running(t, with(func(c *capture.Config) {
		c.RingBytes, c.Kinds[bpf.KindState] = text.Size(os.Getpagesize()), true
	}), namespace(t))
	lateData(t, waitsItself(t), 8, 300, new(atomic.Bool))
	last := r.stop()
	require.Contains(t, last.Names, "lost_reset_sent")
	r.onlyLateOrUnknown()
}

// TestResetsNotWatched: without reset_sent the causes cannot be distinguished, and no peer is blamed.
func TestResetsNotWatched(t *testing.T) {
	r := running(t, with(func(c *capture.Config) { c.Kinds[bpf.KindResetSent] = false }), namespace(t))
	lateData(t, waitsItself(t), 1, 20, new(atomic.Bool))
	r.stop()
	clients, held := r.clients()
	require.Equal(t, 20, len(clients)+held)
	for _, c := range clients {
		require.Equal(t, schema.CauseUnknown, schema.Decide(&c).Cause)
	}
}

// TestLastEndingsHaveTheirResets: an agent that is stopped under load gives no ending a wrong cause.
func TestLastEndingsHaveTheirResets(t *testing.T) {
	here := namespace(t)
	itself := waitsItself(t)
	for range 6 {
		r := running(t, capture.DefaultConfig(), here)
		var stop atomic.Bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			lateData(t, itself, 6, 1<<30, &stop)
		}()
		r.until("late data", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.ended) > 200
		})
		r.stop()
		stop.Store(true)
		<-ended
		require.Positive(t, r.onlyLateOrUnknown())
	}
}
