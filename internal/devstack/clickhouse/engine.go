// SPDX-License-Identifier: Apache-2.0

// Package clickhouse finds, fetches and runs the ClickHouse engine that `tcpledger up` and the tests use: a clickhouse
// program of this machine if it is new enough, else ClickHouse as a library (chDB) in a child process.
package clickhouse

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"tcpledger/internal/devstack/clickhouse/chdb"
)

// MinMajor is the oldest ClickHouse year that the tables are made for.
const MinMajor = 26

// Engine is a ClickHouse that can be run on this machine.
type Engine struct {
	// Path is the clickhouse program, or libchdb.so.
	Path string
	// Library tells which of the two.
	Library bool
	// Version is what the program says, or the pinned version of the library's package.
	Version string
}

// Find returns the clickhouse program on PATH if it is of MinMajor or later, else the library of chdb.Fetch.
func Find(ctx context.Context, progress io.Writer) (Engine, error) {
	if engine, ok := installed(ctx); ok {
		return engine, nil
	}
	path, version, err := chdb.Fetch(ctx, progress)
	if err != nil {
		return Engine{}, fmt.Errorf("fetching ClickHouse: %w", err)
	}
	return Engine{Path: path, Library: true, Version: version}, nil
}

var versionPattern = regexp.MustCompile(`\b(\d+)\.\d+\.\d+[\d.]*`)

// installed looks for a clickhouse program that is new enough.
func installed(ctx context.Context) (Engine, bool) {
	path, err := exec.LookPath("clickhouse")
	if err != nil {
		return Engine{}, false
	}
	said, err := exec.CommandContext(ctx, path, "local", "--version").Output()
	if err != nil {
		return Engine{}, false
	}
	match := versionPattern.FindStringSubmatch(string(said))
	if match == nil {
		return Engine{}, false
	}
	major, err := strconv.Atoi(match[1])
	if err != nil || major < MinMajor {
		return Engine{}, false
	}
	return Engine{Path: path, Version: strings.TrimSuffix(match[0], ".")}, true
}
