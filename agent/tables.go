// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tcpledger/agent/capture"
)

// printStatus writes the agent's answer as tables, in the order in which one asks: what is loaded, what it holds, what it
// counted.
func printStatus(w io.Writer, body []byte) error {
	var s status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...any) {
		_, _ = fmt.Fprintln(out, strings.TrimRight(strings.Join(texts(cells), "\t"), "\t"))
	} // Flush gives the error
	line(fmt.Sprintf("tcpledger-agent %s on %s, session %s, since %s", s.Version, s.Host, s.Session, s.Since.Format(time.RFC3339)))
	line("capturing " + strings.Join(s.Kinds, ", "))
	line()
	line("PROGRAM", "ID", "ATTACHED TO", "INSNS", "JITED", "MEMORY", "RUNS", "AVG NS", "MISSED")
	for _, p := range s.Kernel.Programs {
		if !p.Attached {
			line(p.Name, "-", p.AttachPoint+" not attached: "+p.Why)
			continue
		}
		line(p.Name, p.ID, p.AttachPoint, p.Instructions, p.JitedBytes, p.Memory, p.RunCount, average(&p), p.RecursionMisses)
	}
	line()
	line("MAP", "ID", "TYPE", "KEY", "VALUE", "MAX", "IN USE", "MEMORY")
	for _, m := range s.Kernel.Maps {
		used := "-"
		if m.InUse != nil {
			used = strconv.FormatUint(*m.InUse, 10)
		}
		line(m.Name, m.ID, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, used, m.Memory)
	}
	line()
	line("COUNTED IN THE KERNEL", "TOTAL")
	for _, name := range slices.Sorted(maps.Keys(s.Kernel.Counters)) {
		if n := s.Kernel.Counters[name]; n > 0 {
			line(name, n)
		}
	}
	line()
	line("COUNTED IN THE AGENT", "VALUE")
	for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
		if v := s.Metrics[name]; v != 0 && !strings.HasPrefix(name, ownPrefix+"kernel_total") {
			line(strings.TrimPrefix(name, ownPrefix), strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	if len(s.Kernel.Programs) > 0 && !slices.ContainsFunc(s.Kernel.Programs, func(p capture.ProgramStatus) bool { return p.RunCount > 0 }) {
		line()
		line("Runs and times are counted while sysctl kernel.bpf_stats_enabled is 1.")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}

func texts(cells []any) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = fmt.Sprint(c)
	}
	return out
}

func average(p *capture.ProgramStatus) string {
	if p.RunCount == 0 {
		return "-"
	}
	return strconv.FormatUint(uint64(p.RunTime)/p.RunCount, 10)
}

const ownPrefix = "tcpledger_agent_"

func isOwn(name string) bool { return strings.HasPrefix(name, ownPrefix) }

func labels(m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return ""
	}
	var parts []string
	for _, l := range m.GetLabel() {
		parts = append(parts, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
