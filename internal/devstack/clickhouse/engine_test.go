// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInstalledProgramIsPreferredWhenNewEnough(t *testing.T) {
	for said, version := range map[string]string{
		"ClickHouse local version 26.7.2.1 (official build).": "26.7.2.1",
		"ClickHouse local version 27.1.1.10.":                 "27.1.1.10",
		"ClickHouse local version 25.8.9.20 (official build)": "",
		"something else": "",
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "clickhouse"), []byte("#!/bin/sh\necho '"+said+"'\n"), 0o700))
		t.Setenv("PATH", dir)
		engine, ok := installed(t.Context())
		require.Equal(t, version != "", ok, said)
		require.Equal(t, version, engine.Version)
		require.False(t, engine.Library)
	}
}
