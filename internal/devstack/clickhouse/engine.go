// SPDX-License-Identifier: Apache-2.0

// Package clickhouse finds, fetches and runs the ClickHouse engine that `tcpledger up` and the tests use: a clickhouse
// program of this machine where it is new enough, else ClickHouse as a library (chDB) in a child process.
package clickhouse

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
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

// Find returns the clickhouse program on PATH when it is of MinMajor or later, else the library from the cache, which it
// fetches first where needed, telling progress how far it is. It waits while another process fetches the same.
func Find(ctx context.Context, progress io.Writer) (Engine, error) {
	if engine, ok := installed(ctx); ok {
		return engine, nil
	}
	pin, ok := pins[runtime.GOARCH]
	if !ok {
		return Engine{}, fmt.Errorf("there is no pinned ClickHouse library for %s: put a clickhouse program of version %d or later on PATH",
			runtime.GOARCH, MinMajor)
	}
	path, err := pin.fetch(ctx, progress)
	if err != nil {
		return Engine{}, fmt.Errorf("fetching ClickHouse: %w", err)
	}
	return Engine{Path: path, Library: true, Version: pin.version}, nil
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
