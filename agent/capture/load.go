// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"tcpledger/bpf"
)

// stackSlot of cost_ns is the budget of stacks.
const stackSlot = 0

// minOwnPIDs keeps the size of own_pids, and so the layout, the same for a process more or less.
const minOwnPIDs = 16

// constants are the values that the hooks read as volatile const.
func constants(config Config, found Features) map[string]any {
	var enabled uint32
	var cost [bpf.KindSlots]uint64
	for kind, on := range config.Kinds {
		if on && int(kind) < len(cost) {
			enabled |= 1 << kind
		}
	}
	for kind, rate := range config.Budgets {
		if int(kind) < len(cost) {
			cost[kind] = costOf(rate)
		}
	}
	cost[stackSlot] = costOf(config.StacksPerSecond)
	values := map[string]any{
		"kinds_enabled": enabled,
		"cost_ns":       cost,
		"wakeup_bytes":  uint64(config.RingBytes / 4),
		"tick_ns":       found.TickNS,
		"cookie_helper": flag(found.SocketCookie),
	}
	for name, args := range map[string]uint32{
		"send_reset_args": found.SendResetArgs,
		"kfree_skb_args":  found.KfreeSkbArgs,
		"retransmit_args": found.RetransmitArgs,
	} {
		values[name] = args
	}
	return values
}

// costOf a record in nanoseconds of its CPU's time; 0: no budget.
func costOf(perSecond int) uint64 {
	if perSecond <= 0 {
		return 0
	}
	return uint64(time.Second) / uint64(perSecond)
}

func flag(on bool) uint32 {
	if on {
		return 1
	}
	return 0
}

// prepare sets sizes and constants on a fresh spec, and atomic numbers. maps.h has no size for the maps that are sized here.
func prepare(config Config, found *Features) (*ebpf.CollectionSpec, error) {
	spec, err := bpf.Spec()
	if err != nil {
		return nil, fmt.Errorf("read the BPF object: %w", err)
	}
	for name, size := range map[string]int{"ring": int(config.RingBytes), "conns": config.StateEntries, "stacks": config.StackEntries,
		"own_pids": max(len(config.OwnPIDs), minOwnPIDs), "ignored_drops": len(config.IgnoredDrops) + 2} { // NO_SOCKET, and never 0
		spec.Maps[name].MaxEntries = uint32(size)
	}
	for name, value := range constants(config, *found) {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	if found.FetchAdd {
		found.NumbersPatched, err = bpf.UseFetchAdd(spec)
		if err != nil {
			return nil, fmt.Errorf("make numbers atomic: %w", err)
		}
	}
	return spec, nil
}

// load brings everything into the kernel. Optional programs that this kernel's
// verifier refuses are left out and named in skipped.
func load(spec *ebpf.CollectionSpec, skipped map[string]string) (*ebpf.Collection, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("%w: kernels before 5.11 count BPF memory in it; start with `ulimit -l unlimited`: %w", ErrMemlock, err)
	}
	options := ebpf.CollectionOptions{Cache: btf.NewCache()}
	collection, err := ebpf.NewCollectionWithOptions(spec, options)
	if err == nil {
		return collection, nil
	}
	if errors.Is(err, unix.EPERM) && !isVerifier(err) {
		return nil, fmt.Errorf("%w: the kernel refused to load: %w", ErrPrivileges, err)
	}
	if refused := findRefused(spec, options); len(refused) > 0 {
		for name, reason := range refused {
			skipped[name] = reason
			delete(spec.Programs, name)
		}
		collection, err = ebpf.NewCollectionWithOptions(spec, options)
	}
	if err != nil {
		return nil, fmt.Errorf("load the BPF object: %w", err)
	}
	return collection, nil
}

func isVerifier(err error) bool {
	var verifier *ebpf.VerifierError
	return errors.As(err, &verifier)
}

// findRefused loads each optional program alone, to name those that fail.
func findRefused(spec *ebpf.CollectionSpec, options ebpf.CollectionOptions) map[string]string {
	refused := map[string]string{}
	for _, h := range slices.Concat(hooks, iterators) {
		program, wanted := spec.Programs[h.program]
		if h.core || !wanted {
			continue
		}
		alone := spec.Copy()
		alone.Programs = map[string]*ebpf.ProgramSpec{h.program: program.Copy()}
		collection, err := ebpf.NewCollectionWithOptions(alone, options)
		if err != nil {
			refused[h.program] = err.Error()
			continue
		}
		collection.Close()
	}
	return refused
}
