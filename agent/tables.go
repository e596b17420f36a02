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
	"time"

	dto "github.com/prometheus/client_model/go"

	"tcpledger/agent/capture"
	"tcpledger/internal/text"
)

// printStatus writes the agent's answer as tables: programs, maps, counters.
func printStatus(w io.Writer, body []byte) error {
	var s status
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	parts := []string{
		fmt.Sprintf("tcpledger-agent %s on %s, session %s, since %s\ncapturing %s", text.Printable(s.Version), text.Printable(s.Host),
			text.Printable(s.Session), s.Since.Format(time.RFC3339), text.Printable(strings.Join(s.Kinds, ", "))),
		programTable(s.Kernel.Programs), mapTable(s.Kernel.Maps), kernelTable(s.Kernel.Counters), metricTable(s.Metrics),
	}
	if len(s.Kernel.Programs) > 0 && !slices.ContainsFunc(s.Kernel.Programs, func(p capture.ProgramStatus) bool { return p.RunCount > 0 }) {
		parts = append(parts, "Runs and times are counted while sysctl kernel.bpf_stats_enabled is 1.")
	}
	if _, err := fmt.Fprintln(w, strings.Join(parts, "\n\n")); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return nil
}

func programTable(programs []capture.ProgramStatus) string {
	table := text.NewTable(0, []string{"PROGRAM", "ID", "ATTACHED TO", "INSNS", "JITED", "MEMORY", "RUNS", "AVG NS", "MISSED"}, 1, 3)
	for _, p := range programs {
		if !p.Attached {
			table.Row(text.Printable(p.Name), "-", text.Printable(p.AttachPoint+" not attached: "+p.Why), "", "", "", "", "", "")
			continue
		}
		table.Row(text.Printable(p.Name), p.ID, text.Printable(p.AttachPoint), p.Instructions, p.JitedBytes, p.Memory, p.RunCount, average(&p),
			p.RecursionMisses)
	}
	return table.String()
}

func mapTable(maps []capture.MapStatus) string {
	table := text.NewTable(0, []string{"MAP", "ID", "TYPE", "KEY", "VALUE", "MAX", "IN USE", "MEMORY"}, 1, 3)
	for _, m := range maps {
		used := "-"
		if m.InUse != nil {
			used = strconv.FormatUint(*m.InUse, 10)
		}
		table.Row(text.Printable(m.Name), m.ID, text.Printable(m.Type), m.KeySize, m.ValueSize, m.MaxEntries, used, m.Memory)
	}
	return table.String()
}

func kernelTable(counters map[string]uint64) string {
	table := text.NewTable(0, []string{"COUNTED IN THE KERNEL", "TOTAL"}, 1)
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		if n := counters[name]; n > 0 {
			table.Row(text.Printable(name), n)
		}
	}
	return table.String()
}

// metricTable leaves out the kernel's counters, which have a table of their own.
func metricTable(metrics map[string]float64) string {
	table := text.NewTable(0, []string{"COUNTED IN THE AGENT", "VALUE"}, 1)
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		if v := metrics[name]; v != 0 && !strings.HasPrefix(name, ownPrefix+"kernel_total") {
			table.Row(text.Printable(strings.TrimPrefix(name, ownPrefix)), strconv.FormatFloat(v, 'f', -1, 64))
		}
	}
	return table.String()
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
