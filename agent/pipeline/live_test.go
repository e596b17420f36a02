// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"context"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"tcpledger/agent/capture"
	"tcpledger/agent/owner"
	"tcpledger/agent/stacks"
	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/wait"
)

const patience = wait.Long

// namespace moves the test's thread into a network namespace of its own and gives its number. It needs root.
func namespace(t *testing.T) uint32 {
	t.Helper()
	if os.Geteuid() != 0 {
		require.NotEqual(t, "1", os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED"), "needs root")
		t.Skip("needs root: it loads BPF programs and makes a network namespace")
	}
	runtime.LockOSThread() // for good: the thread ends with the test, and the namespace with it
	ns, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, netlink.LinkSetUp(lo))
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer handle.Close()
	lab.QuickAck(t, handle)
	var stat unix.Stat_t
	require.NoError(t, unix.Stat("/proc/thread-self/ns/net", &stat))
	return uint32(stat.Ino)
}

// keeper is a Sink that keeps the events that the agent finds apart from the others, the endings and the last checkpoint.
type keeper struct {
	mu     sync.Mutex
	all    []schema.Event
	events []schema.Event
	ended  []schema.Connection
	last   schema.Checkpoint
}

func (k *keeper) Event(e *schema.Event, _ uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e.Stream == schema.AgentStream {
		k.all = append(k.all, *e)
	} else {
		k.events = append(k.events, *e)
	}
	return nil
}

func (k *keeper) Checkpoint(c *schema.Checkpoint, _ uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = *c
	return nil
}

func (k *keeper) Connection(c *schema.Connection, _ uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = append(k.ended, *c)
	return nil
}
func (k *keeper) Loss(*schema.Loss, uint64) error   { return nil }
func (k *keeper) Stack(*schema.Stack, uint64) error { return nil }
func (k *keeper) Tick(uint64) error                 { return nil }
func (k *keeper) StacksLost() bool                  { return false }
func (k *keeper) Finish(uint64) error               { return nil }

// live is a pipeline on the running kernel for which a second past ESTABLISHED is too long.
type live struct {
	keeper
	t       *testing.T
	netns   uint32
	reports bool // the kernel tells what errors it reports
	stop    func() schema.Checkpoint
}

// with is the default configuration with a change.
func with(change func(*capture.Config)) capture.Config {
	c := capture.DefaultConfig()
	change(&c)
	return c
}

func running(t *testing.T, config capture.Config, here uint32) *live {
	t.Helper()
	return runningWith(t, config, here, func(*Config) {}, func(run func()) { run() })
}

// runningWith runs a pipeline with a change of its configuration, on a goroutine of its own that calls on.
func runningWith(t *testing.T, config capture.Config, here uint32, change func(*Config), on func(run func())) *live {
	t.Helper()
	c, err := capture.New(config)
	require.NoError(t, err)
	require.NoError(t, c.Start())
	owners, err := owner.New(c, "/proc", "/sys/fs/cgroup", owner.DefaultPodLogs)
	require.NoError(t, err)
	r := &live{t: t, netns: here, reports: reports(t, c)}
	limits := DefaultLimits()
	limits.LingeringAfter = time.Second
	all := Config{Capture: c, Owners: owners, Resolver: stacks.NewResolver(os.DirFS("/")), Stacks: 1 << 16,
		Limits: limits, Sink: r, Registry: prometheus.NewRegistry()}
	change(&all)
	p, err := New(all)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go on(func() { ended <- p.Run(ctx) })
	r.stop = sync.OnceValue(func() schema.Checkpoint {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, c.Close())
		return r.last
	})
	t.Cleanup(func() { r.stop() })
	return r
}

func reports(t *testing.T, c *capture.Capture) bool {
	t.Helper()
	status, err := c.Status()
	require.NoError(t, err)
	return slices.ContainsFunc(status.Programs, func(p capture.ProgramStatus) bool { return p.Name == "on_error" && p.Attached })
}

// of gives the events of the test's namespace in a state.
func (r *live) of(state schema.State) []schema.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []schema.Event
	for _, e := range r.all {
		if e.NetNS == r.netns && e.State == state {
			found = append(found, e)
		}
	}
	return found
}

func (r *live) until(what string, done func() bool) {
	r.t.Helper()
	require.Eventually(r.t, done, patience, 10*time.Millisecond, what)
}

// untilTotal waits for a counter of a checkpoint.
func (r *live) untilTotal(name string, atLeast uint64) {
	r.t.Helper()
	r.until(name, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		i := slices.Index(r.last.Names, name)
		return i >= 0 && r.last.Totals[i] >= atLeast
	})
}

// complete compares the numbers of what came with the last checkpoint's.
func (r *live) complete(last schema.Checkpoint) {
	r.t.Helper()
	require.Equal(r.t, schema.CheckpointEnd, last.Phase)
	for i, e := range r.all {
		require.Equal(r.t, schema.AgentStream, e.Stream)
		require.EqualValues(r.t, i, e.Seq)
	}
	i := slices.Index(last.Streams, schema.AgentStream)
	if len(r.all) == 0 {
		require.Negative(r.t, i)
		return
	}
	require.EqualValues(r.t, len(r.all), last.Next[i])
}
