// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"tcpledger/internal/text"
)

// Memory is the most that a program takes by its settings, in bytes.
type Memory struct {
	Heap    uint64 // what lives in Go's heap at a time
	Outside uint64 // what counts for the process elsewhere: the kernel's maps
}

const (
	// garbage is how much of the heap may be garbage before the collector must work for it, as a part of Heap.
	garbage = 8
	// ahead is what the program takes while the collector works, as a part of Heap: the limit of the Go runtime is a soft one, and on a
	// busy machine it was passed by 43 MiB of 827.
	ahead = 8
	// code is the program's own file in memory, and the room to go by: it counts for the process, and not for the limit of the Go
	// runtime.
	code = 40 << 20
	// spare is the tenth of a control group's limit that is left to the kernel: sockets, page tables, files in the cache.
	spare = 10
	// least is what the runtime may take in any control group: with less it would only collect garbage.
	least = 40 << 20
)

// Bound is the memory that the process stays below, garbage included.
func (m Memory) Bound() uint64 { return m.Outside + m.goLimit() + m.Heap/ahead + code }

func (m Memory) goLimit() uint64 { return m.Heap + m.Heap/garbage }

// Keep makes the Go runtime stay within the bound, and within the limit of the process's control group if that is
// lower (the collector then works more). It logs both in one line, as a warning if the settings allow more than the control
// group. GOMEMLIMIT in the environment goes before: then it only logs.
func (m Memory) Keep(log *slog.Logger) { m.keep(log, controlGroupLimit(log)) }

func (m Memory) keep(log *slog.Logger, group uint64) {
	facts := []any{"bound", text.Bytes(m.Bound())}
	runtime := m.goLimit()
	if group > 0 {
		facts = append(facts, "control_group_limit", text.Bytes(group))
		room := group - group/spare
		runtime = min(runtime, max(room-min(room, m.Outside+code), least))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(min(runtime, math.MaxInt64)))
	}
	if group > 0 && m.Bound() > group-group/spare {
		log.Warn("the settings allow more memory than the control group: lower them or raise its limit", facts...)
		return
	}
	log.Info("memory", facts...)
}

// controlGroupLimit is the limit of the process's control group or of one above it, 0 for none.
func controlGroupLimit(log *slog.Logger) uint64 {
	limit, err := memlimit.FromCgroup()
	if err != nil && !errors.Is(err, memlimit.ErrNoLimit) && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrCgroupsNotSupported) {
		log.Warn("the control group's memory limit cannot be read", "err", err)
	}
	if err != nil {
		return 0
	}
	return limit
}
