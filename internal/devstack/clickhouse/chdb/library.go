// SPDX-License-Identifier: Apache-2.0

// Package chdb is ClickHouse as a library (chDB), for machines without a clickhouse program: where to get it, and the command
// that runs it. Nothing else knows that it is a library: a ClickHouse that can be had as a program replaces this folder.
package chdb

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/spf13/cobra"
)

// commandName is the hidden command that is `clickhouse local`.
const commandName = "embedded-chdb"

// ExitFailedWrite is the exit code of the command if the disk is broken, so that a write fails.
const ExitFailedWrite = 74

// entry is the library's function that is `clickhouse local`.
const entry = "chdb_query_cmdline"

// Args are the arguments of this program that run the library at path as `clickhouse local` with args.
func Args(path string, args ...string) []string {
	return append([]string{commandName, "--", path}, args...)
}

// Command is the hidden command that Args names. The library installs signal handlers and may end the process, so it has one of
// its own.
func Command() *cobra.Command {
	return &cobra.Command{
		Use:    commandName,
		Short:  "run ClickHouse's library as clickhouse local",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return run(args[0], append([]string{"clickhouse-local"}, args[1:]...))
		},
	}
}

// run calls the library's clickhouse-local with these arguments, program name first, and returns when it ends.
func run(path string, argv []string) error {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return fmt.Errorf("loading ClickHouse: %w", err)
	}
	symbol, err := purego.Dlsym(library, entry)
	if err != nil {
		return fmt.Errorf("loading ClickHouse: %w", err)
	}
	if err := writeCarefully(library, path); err != nil {
		return fmt.Errorf("loading ClickHouse: %w", err)
	}
	var local func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	purego.RegisterFunc(&local, symbol)
	pointers := make([]*byte, len(argv)+1)
	for i, arg := range argv {
		text, err := syscall.BytePtrFromString(arg)
		if err != nil {
			return fmt.Errorf("argument %q: %w", arg, err)
		}
		pointers[i] = text
	}
	var pinner runtime.Pinner
	defer pinner.Unpin()
	for _, pointer := range pointers[:len(argv)] {
		pinner.Pin(pointer)
	}
	pinner.Pin(&pointers[0])
	local(int32(len(argv)), unsafe.Pointer(&pointers[0]))
	return nil
}
