// SPDX-License-Identifier: Apache-2.0

package console

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/port"
	"tcpledger/internal/program"
	"tcpledger/test/tables"
)

// largeAnswers has as many hosts and losses as an answer may have rows, and a host whose agent was started 100,000 times: an answer
// with it is too large.
const largeAnswers = `INSERT INTO checkpoints (at, host, session, run, phase, received_at) SELECT now64(6) - 600 + intDiv(number, 9000) * 60, concat('a-host-with-a-long-name-', toString(number % 9000)), 1 + number % 3, 1, 'periodic', now64(6) FROM numbers(90000);
INSERT INTO loss (at, host, session, stream, seq_from, seq_to, cause, received_at) SELECT now64(6) - 600, concat('a-host-with-a-long-name-', toString(number)), 1, 4, 0, number, 'ring_full', now64(6) FROM numbers(9000);
INSERT INTO connections (closed_at, host, session, stream, seq, conn, cause, received_at) SELECT now64(6) - number % 3000, 'web-1', 7, 4, number, number, concat('cause-', toString(number % 20)), now64(6) FROM numbers(60000)`

const manyStarts = `INSERT INTO checkpoints (at, host, session, run, phase, received_at) SELECT now64(6) - 600 + number / 1000, 'restless', number, 1, 'start', now64(6) FROM numbers(1000000)`

// Many people who ask for different pages with large answers, again and again, take no more memory than the console states.
func TestManyLargePagesStayWithinTheStatedMemory(t *testing.T) {
	const people, pages = 24, 2
	ch, db := tables.Start(t)
	tables.Exec(t, db, largeAnswers)
	free, err := port.Free()
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	console, err := child.Start(child.Command{Name: "console", Path: self, Args: []string{asProgram, "--listen", port.Join(free), "--clickhouse", ch.Addr,
		"--ingester", "", "--brokers", "127.0.0.1:1"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, console.Kill()) }()
	base := "http://" + port.Join(free)
	shows(t, base+"/?from=-30m", "9001 hosts")

	var answered atomic.Int64
	crowd := func() {
		var all sync.WaitGroup
		for person := range people {
			all.Go(func() {
				for page := range pages {
					if strings.Contains(fetch(t, fmt.Sprintf("%s/?from=-%dm", base, 30+person*pages+page)), "a-host-with-a-long-name-") {
						answered.Add(1)
					}
				}
			})
		}
		all.Wait()
	}
	crowd()
	require.Positive(t, answered.Load())
	tables.Exec(t, db, manyStarts)
	crowd()
	bound := program.Memory{Heap: maxAnswers}.Bound()
	peak := peakMemory(t, console.PID())
	t.Logf("%d pages were full; peak memory %d MiB, stated bound %d MiB", answered.Load(), peak>>20, bound>>20)
	require.Less(t, peak, bound)
}

// peakMemory is the most memory that the process ever had, in bytes.
func peakMemory(t *testing.T, pid int) (peak uint64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, line, ok := strings.Cut(string(status), "VmHWM:")
	require.True(t, ok)
	_, err = fmt.Sscanf(line, "%d kB", &peak)
	require.NoError(t, err)
	return peak << 10
}
