// SPDX-License-Identifier: Apache-2.0

package architecture

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const maxLines = 400

// folders are the top-level ones, each a room with a name a newcomer understands; a new one needs a reason. docs holds
// the reference pages, some of them generated from schema.
var folders = []string{"agent", "bpf", "cmd", "console", "deploy", "docs", "ingester", "internal", "query", "schema", "test", "LICENSES"}

// notOurs are top-level folders that a build or a run leaves here.
var notOurs = []string{"bin", "data"}

// headers are the first lines that a source file may have, by suffix. What the kernel loads may be taken under either
// licence, as the kernel's own BPF samples may.
var headers = map[string]string{
	".go": "// SPDX-License-Identifier: Apache-2.0",
	".c":  "/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */",
	".h":  "/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */",
}

func TestTopLevelFolders(t *testing.T) {
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || slices.Contains(notOurs, e.Name()) {
			continue
		}
		require.Contains(t, folders, e.Name(), "a top-level folder that nobody agreed on")
	}
}

func TestEverySourceFileHasItsLicenceAndALimit(t *testing.T) {
	checked := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if skipped(path, name) {
				return filepath.SkipDir
			}
			return nil
		}
		header, known := headers[filepath.Ext(name)]
		if !known {
			return nil
		}
		checked++
		return checkFile(t, path, header)
	}))
	require.Positive(t, checked)
}

// checkFile reads one source file; a generated one is its generator's.
func checkFile(t *testing.T, path, header string) error {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	first, lines := "", 0
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for ; scanner.Scan(); lines++ {
		line := scanner.Text()
		if lines == 0 {
			first = line
		}
		if lines < 5 && strings.HasPrefix(line, "// Code generated ") && strings.HasSuffix(line, " DO NOT EDIT.") {
			return nil
		}
	}
	if first != header {
		t.Errorf("%s: the first line is not %q", path, header)
	}
	if lines > maxLines {
		t.Errorf("%s: %d lines; split what is over %d by what it does", path, lines, maxLines)
	}
	return scanner.Err()
}
