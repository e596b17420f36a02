// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Counters are the namespace's own SNMP counters by the names nstat prints: TcpActiveOpens, TcpExtTCPAbortOnData, …
func (h *Host) Counters(t testing.TB) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	var err error
	h.In(t, func() {
		for _, file := range []string{"snmp", "netstat"} {
			var text []byte
			if text, err = os.ReadFile("/proc/thread-self/net/" + file); err != nil {
				return
			}
			if err = parseCounters(all, string(text)); err != nil {
				return
			}
		}
	})
	require.NoError(t, err)
	return all
}

// parseCounters reads pairs of lines, names and values, both beginning with the group's name.
func parseCounters(all map[string]int64, text string) error {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines)%2 != 0 {
		return fmt.Errorf("%d lines of counters: pairs expected", len(lines))
	}
	for i := 0; i < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		if len(names) != len(values) || len(names) == 0 || names[0] != values[0] {
			return fmt.Errorf("counters %q and %q do not match", lines[i], lines[i+1])
		}
		group := strings.TrimSuffix(names[0], ":")
		for k := 1; k < len(names); k++ {
			value, err := strconv.ParseInt(values[k], 10, 64)
			if err != nil {
				return fmt.Errorf("counter %s%s: %w", group, names[k], err)
			}
			all[group+names[k]] = value
		}
	}
	return nil
}
