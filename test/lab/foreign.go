// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"math"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// foreignLoadVariable is the environment variable with the number of processes that make foreign load beside every lab.
const foreignLoadVariable = "TCPLEDGER_TEST_FOREIGN_LOAD"

// ForeignLoad is traffic that no test asks about. Its processes connect, accept and abort at full speed in a network namespace
// of their own.
type ForeignLoad struct {
	host   *Host
	actors []*Actor
}

// StartForeignLoad starts that many processes. They end with the test, or with Stop.
func StartForeignLoad(t testing.TB, processes int) *ForeignLoad {
	t.Helper()
	f := &ForeignLoad{host: &Host{Name: "foreign", NS: newNamespace(t)}}
	n, err := netlink.NewHandleAt(f.host.NS, unix.NETLINK_ROUTE)
	require.NoError(t, err)
	defer n.Close()
	lo, err := n.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, n.LinkSetUp(lo))
	for i := range processes {
		a := f.host.Actor(t, "foreign"+strconv.Itoa(i))
		a.StartStorm(netip.MustParseAddr("127.0.0.1"), math.MaxInt)
		f.actors = append(f.actors, a)
	}
	return f
}

// Connections is the number of connections made so far.
func (f *ForeignLoad) Connections(t testing.TB) int64 { return f.host.Counters(t)["TcpActiveOpens"] }

// Stop ends the processes.
func (f *ForeignLoad) Stop() {
	for _, a := range f.actors {
		a.Kill()
	}
}

// around holds the foreign load that runs because of foreignLoadVariable.
var around struct {
	sync.Mutex
	running bool
}

// surround starts foreign load if foreignLoadVariable asks for it and none runs. The load ends with the test.
func surround(t testing.TB) {
	t.Helper()
	text := os.Getenv(foreignLoadVariable)
	around.Lock()
	defer around.Unlock()
	if text == "" || around.running {
		return
	}
	processes, err := strconv.Atoi(text)
	require.NoError(t, err, foreignLoadVariable)
	around.running = true
	f := StartForeignLoad(t, processes)
	began := time.Now()
	t.Cleanup(func() {
		around.Lock()
		defer around.Unlock()
		t.Logf("foreign load: %.0f connections/s", float64(f.Connections(t))/time.Since(began).Seconds())
		f.Stop()
		around.running = false
	})
}
