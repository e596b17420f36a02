// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// copyTree copies what a kind of event touches, and what that needs to be built, into a folder of its own.
func copyTree(t *testing.T) string {
	t.Helper()
	from, to := filepath.Join("..", "..", ".."), t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "schema", "bpf", "agent", "internal", "test",
		"docs/losses.md", "docs/agent.md", "docs/verdicts.md", "docs/tables.md"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(from, name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			within, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, within)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o644)
		}))
	}
	return to
}

// insert puts text before the first line of a file that begins with a mark.
func insert(t *testing.T, path, mark, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	at := strings.Index(string(before), mark)
	require.GreaterOrEqual(t, at, 0, "%s in %s", mark, path)
	require.NoError(t, os.WriteFile(path, []byte(string(before[:at])+text+string(before[at:])), 0o644))
}

// A kind's hook, and the test that its events come out of the kernel, under the name that is in the table alone.
const (
	addedHook = `/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef TCPLEDGER_ADDED_H
#define TCPLEDGER_ADDED_H

#include "../event.h"

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_added, const struct sock *sk)
{
	struct event_args args = { .sk = sk, .full = true, .conn = find_conn(sk), .state = state_of(sk), .reason = ABSENT32 };
	struct exec_ctx ec;

	if (!is_tcp(sk) || !nesting_enter(&ec, ctx))
		return 0;
	emit_event(&ec, KIND_ADDED_KIND, &args);
	nesting_leave(&ec);
	return 0;
}

#endif
`
	addedTest = `// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/schema"
)

func TestAddedKind(t *testing.T) {
	kind, err := schema.ParseCaptureKind("added_kind")
	require.NoError(t, err)
	require.Equal(t, schema.KindAddedKind, kind)
	config := DefaultConfig()
	require.True(t, config.Kinds[bpf.KindAddedKind])
	require.Equal(t, 7000, config.Budgets[bpf.KindAddedKind])
	privileged(t)
	namespace(t)
	c := started(t, config)
	p := connect(t, "127.0.0.1")
	require.NoError(t, p.client.Close())
	require.NoError(t, p.server.Close())
	c.event(bpf.KindAddedKind, between(p.to, p.from))
	totals, err := c.Totals()
	require.NoError(t, err)
	require.Contains(t, totals, "lost_added_kind")
	require.Contains(t, totals, "recursion_misses_on_added")
}
`
)

// TestAddedKind adds a kind of event to a copy of the tree, downstream and in the order that CONTRIBUTING names: one row in
// the table of the kinds, what is generated from it, a hook and its tracepoint. Nothing else is touched, and all of it works.
func TestAddedKind(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a copy of the tree")
	}
	root := copyTree(t)
	run := func(arguments ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", arguments...)
		command.Dir = root
		out, err := command.CombinedOutput()
		require.NoError(t, err, "go %s\n%s", strings.Join(arguments, " "), out)
	}
	insert(t, filepath.Join(root, "schema/vocabulary/kinds.go"), "\t{Number: 32,",
		"\t{Number: 12, Name: \"added_kind\", From: Kernel, Budget: 7000, Doc: \"a kind that a test adds\"},\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "bpf/hook/added.h"), []byte(addedHook), 0o644))
	insert(t, filepath.Join(root, "bpf/tcpledger.bpf.c"), "#include \"hook/seed.h\"", "#include \"hook/added.h\"\n")
	run("run", "./schema/vocabulary/generate", ".")
	run("generate", "./bpf")
	insert(t, filepath.Join(root, "agent/capture/hook.go"), "\t{\"on_consume\",", "\t{\"on_added\", \"tcp\", \"tcp_destroy_sock\", false, bpf.KindAddedKind},\n")
	require.NoError(t, os.WriteFile(filepath.Join(root, "agent/capture/added_test.go"), []byte(addedTest), 0o644))
	run("vet", "./schema/...", "./bpf/...", "./agent/capture", "./agent/pipeline")
	run("test", "-count=1", "./schema", "./schema/vocabulary", "./bpf")
	run("test", "-count=1", "-run", "^TestGeneratedFilesAreFresh$", "./schema/vocabulary/generate")
	run("test", "-count=1", "-run", "^(TestAddedKind|TestTotals.*)$", "./agent/capture")
}
