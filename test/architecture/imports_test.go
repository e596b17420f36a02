// SPDX-License-Identifier: Apache-2.0

// Package architecture holds what every part of the tree has agreed on: who may import whom, what a program may link, and
// the form of a file. The linter says most of it while one types; this says it with the Go toolchain alone.
package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module = "tcpledger"
	root   = "../.."
)

// rooms says what the packages of each top-level folder may import of ours, their own folder aside. test/ may import
// anything that may be imported: it sees the whole.
var rooms = map[string][]string{
	"bpf":                 {},
	"schema":              {},
	"agent":               {"bpf", "schema", "internal/kafka", "internal/program", "internal/retry", "internal/text"},
	"ingester":            {"schema", "internal/judge", "internal/kafka", "internal/program", "internal/clickhouse", "internal/retry", "internal/text"},
	"query":               {"schema", "internal/text"},
	"console":             {"schema", "query", "internal/program", "internal/clickhouse", "internal/text"},
	"cmd/tcpledger":       {"schema", "internal/judge", "query", "console", "internal/report", "internal/program", "internal/clickhouse", "internal/retry", "internal/text", "internal/topics", "internal/devstack"},
	"internal/judge":      {"schema"},
	"internal/kafka":      {},
	"internal/program":    {"internal/retry", "internal/text"},
	"internal/report":     {"internal/text"},
	"internal/retry":      {},
	"internal/text":       {},
	"internal/topics":     {"schema", "internal/program", "internal/retry"},
	"internal/clickhouse": {"schema", "internal/program", "internal/retry"},
	"internal/devstack":   {"schema", "internal/program", "internal/clickhouse", "internal/retry", "internal/text", "internal/topics"},
	"deploy":              {"schema"},
	"test": {"bpf", "schema", "agent", "ingester", "query", "console", "cmd/tcpledger", "internal/report", "internal/program", "internal/clickhouse", "internal/retry",
		"internal/text", "internal/topics", "internal/devstack"},
}

// shared are packages that any stage may import; they import no stage. They are what one stage hands to the next, and the
// clock that all records are on.
var shared = []string{module + "/ingester/row", module + "/agent/message", module + "/agent/clock"}

// assembled are the stages that are made of others. The agent's Kafka sink closes batches, writes them into the journal, queues them and asks for symbols; what
// publishes keeps on disk what memory should not hold.
var assembled = map[string][]string{
	"agent/publish": {"agent/spool"},
	"agent/sink":    {"agent/batch", "agent/journal", "agent/publish", "agent/symbols", "agent/print"},
}

// realParts are what any test may start: the real engines, real connections.
var realParts = []string{module + "/internal/devstack", module + "/test/"}

// listed is what `go list` says about a package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// list runs `go list` in the root of the module.
func list(t *testing.T, arguments ...string) []listed {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps"}, arguments...)...)
	command.Dir = root
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
}

// room is the folder of rooms that a package of ours is in, "" for the module's root and for others' packages.
func room(importPath string) string {
	within, ours := strings.CutPrefix(importPath, module+"/")
	if !ours {
		return ""
	}
	for name := range rooms {
		if within == name || strings.HasPrefix(within, name+"/") {
			return name
		}
	}
	return within
}

// stage is the folder below agent or ingester that a package is in, "" for the main package and elsewhere.
func stage(importPath string) string {
	parts := strings.Split(importPath, "/")
	if len(parts) < 3 || (parts[1] != "agent" && parts[1] != "ingester") {
		return ""
	}
	return strings.Join(parts[1:3], "/")
}

// wrongImports lists the imports that the rules forbid, one line each with the rule; tests obey the same rules.
func wrongImports(p listed) []string {
	from := room(p.ImportPath)
	allowed, known := rooms[from]
	if !known {
		return []string{p.ImportPath + " is in no known folder: add it to rooms with what it may import"}
	}
	var wrong []string
	for _, imported := range slices.Concat(p.Imports, withoutRealParts(p.TestImports), withoutRealParts(p.XTestImports)) {
		to := room(imported)
		if to != "" && to != from && !slices.Contains(allowed, to) {
			wrong = append(wrong, p.ImportPath+" imports "+imported+": "+from+" may import "+strings.Join(allowed, ", ")+" of ours")
		}
		mine, other := stage(p.ImportPath), stage(imported)
		if from == to && mine != "" && other != "" && mine != other && mine != from+"/pipeline" && !slices.Contains(shared, imported) && !slices.Contains(assembled[mine], other) {
			wrong = append(wrong, p.ImportPath+" imports "+imported+": only "+from+"/pipeline knows two stages")
		}
	}
	return wrong
}

func withoutRealParts(imports []string) []string {
	return slices.DeleteFunc(slices.Clone(imports), func(path string) bool {
		return slices.ContainsFunc(realParts, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
	})
}

func TestImportsGoOneWay(t *testing.T) {
	packages := list(t, "./...")
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, wrong := range wrongImports(p) {
			t.Error(wrong)
		}
	}
}

func TestTheRulesBite(t *testing.T) {
	cases := map[string]listed{
		"schema knows a side":      {ImportPath: "tcpledger/schema/wire", Imports: []string{"tcpledger/agent/batch"}},
		"bpf knows schema":         {ImportPath: "tcpledger/bpf", Imports: []string{"tcpledger/schema"}},
		"sides know each other":    {ImportPath: "tcpledger/agent/batch", Imports: []string{"tcpledger/ingester/normalize"}},
		"also in a test":           {ImportPath: "tcpledger/ingester/normalize", XTestImports: []string{"tcpledger/agent/batch"}},
		"stages know each other":   {ImportPath: "tcpledger/agent/capture", Imports: []string{"tcpledger/agent/settle"}},
		"the currency knows one":   {ImportPath: "tcpledger/ingester/row", Imports: []string{"tcpledger/ingester/normalize"}},
		"a part of the sink":       {ImportPath: "tcpledger/agent/publish", Imports: []string{"tcpledger/agent/batch"}},
		"the sink knows a source":  {ImportPath: "tcpledger/agent/sink", Imports: []string{"tcpledger/agent/stacks"}},
		"the clock knows a stage":  {ImportPath: "tcpledger/agent/clock", Imports: []string{"tcpledger/agent/batch"}},
		"a stage knows the whole":  {ImportPath: "tcpledger/ingester/store", Imports: []string{"tcpledger/ingester/pipeline"}},
		"a command links a side":   {ImportPath: "tcpledger/cmd/tcpledger/up", Imports: []string{"tcpledger/agent/pipeline"}},
		"program knows the schema": {ImportPath: "tcpledger/internal/program", Imports: []string{"tcpledger/schema"}},
		"a real part outside test": {ImportPath: "tcpledger/schema", Imports: []string{"tcpledger/test/lab"}},
		"a new top-level folder":   {ImportPath: "tcpledger/util"},
	}
	for name, p := range cases {
		require.Len(t, wrongImports(p), 1, name)
	}
	for _, fine := range []listed{
		{ImportPath: "tcpledger/agent/pipeline", Imports: []string{"tcpledger/agent/capture", "tcpledger/agent/settle", "tcpledger/schema/wire"}},
		{ImportPath: "tcpledger/agent/capture", Imports: []string{"tcpledger/bpf", "fmt"}, XTestImports: []string{"tcpledger/agent/capture"}},
		{ImportPath: "tcpledger/schema", XTestImports: []string{"tcpledger/internal/devstack/clickhouse/clickhousetest"}},
		{ImportPath: "tcpledger/ingester/normalize", Imports: []string{"tcpledger/ingester/row"}},
		{ImportPath: "tcpledger/agent/batch", Imports: []string{"tcpledger/agent/clock", "tcpledger/agent/message"}},
		{ImportPath: "tcpledger/agent/sink", Imports: []string{"tcpledger/agent/batch", "tcpledger/agent/publish"}},
		{ImportPath: "tcpledger/agent", Imports: []string{"tcpledger/agent/pipeline", "tcpledger/internal/program"}},
	} {
		require.Empty(t, wrongImports(fine), fine.ImportPath)
	}
}

// The agent is on every host: what it links is what every host carries.
func TestTheAgentLinksNoClickHouse(t *testing.T) {
	forbidden := []string{"github.com/ClickHouse/", "tcpledger/internal/clickhouse", "github.com/twmb/franz-go", "github.com/compose-spec/", "github.com/stretchr/testify"}
	checkLinks(t, "./agent", append(forbidden, "tcpledger/ingester", "tcpledger/console", "tcpledger/cmd"))
}

// The ingester runs anywhere, also where there is no kernel of ours to look at.
func TestTheIngesterLinksNoKernelSide(t *testing.T) {
	checkLinks(t, "./ingester", []string{"github.com/cilium/ebpf", "github.com/twmb/franz-go", "tcpledger/bpf", "tcpledger/agent", "github.com/stretchr/testify"})
}

func checkLinks(t *testing.T, program string, forbidden []string) {
	t.Helper()
	packages := list(t, "-deps", program)
	require.NotEmpty(t, packages)
	for _, p := range packages {
		for _, prefix := range forbidden {
			if p.ImportPath == prefix || strings.HasPrefix(p.ImportPath, strings.TrimSuffix(prefix, "/")+"/") {
				t.Errorf("%s links %s", program, p.ImportPath)
			}
		}
	}
}
