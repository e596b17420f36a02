// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"tcpledger/bpf"
)

// hook is one program and the tracepoint it belongs to.
type hook struct {
	program    string
	subsystem  string
	tracepoint string
	core       bool     // without it there are no connections
	kind       bpf.Kind // wanted only for this kind; 0: evidence for all
}

// hooks lists the programs in the order in which they are attached. The hooks of endings come before those that open
// connections, so that no connection is opened and never closed. The kernel skips a program that is already running on this CPU;
// the program `…_missed` follows it and makes up for it.
var hooks = []hook{
	{"on_destroy", "tcp", "tcp_destroy_sock", true, 0},
	{"on_destroy_missed", "tcp", "tcp_destroy_sock", true, 0},
	{"on_reset_sent", "tcp", "tcp_send_reset", false, 0},
	{"on_reset_sent_missed", "tcp", "tcp_send_reset", false, 0},
	{"on_reset_in", "tcp", "tcp_receive_reset", false, 0},
	{"on_reset_in_missed", "tcp", "tcp_receive_reset", false, 0},
	{"on_state", "sock", "inet_sock_set_state", true, 0},
	{"on_state_missed", "sock", "inet_sock_set_state", true, 0},
	{"on_read", "tcp", "tcp_rcv_space_adjust", false, 0},
	{"on_send", "sock", "sock_send_length", false, 0},
	{"on_error", "sock", "inet_sk_error_report", false, bpf.KindError},
	{"on_drop", "skb", "kfree_skb", false, bpf.KindDrop},
	{"on_retransmit", "tcp", "tcp_retransmit_skb", false, bpf.KindRetransmit},
	{"on_synack", "tcp", "tcp_retransmit_synack", false, 0}, // two kinds have it
	{"on_consume", "skb", "consume_skb", false, bpf.KindSkbConsumed},
}

// attachPoint is the name that perf and bpftrace use.
func (h hook) attachPoint() string { return h.subsystem + ":" + h.tracepoint }

// seeder runs once at the start, over every open file of every task.
var seeder = hook{program: "on_seed", subsystem: "iter", tracepoint: "task_file"}

// lister runs every few seconds, over every listener that the hooks know.
var lister = hook{program: "on_listener", subsystem: "iter", tracepoint: "bpf_map_elem", kind: bpf.KindListener}

// sweeper runs before lister, over the handshakes whose SYN-ACK was sent again.
var sweeper = hook{program: "on_handshake", subsystem: "iter", tracepoint: "bpf_map_elem", kind: bpf.KindListener}

// iterators lists the programs that the agent itself runs.
var iterators = []hook{seeder, lister, sweeper}

// hasIterator reports whether this kernel has the iterator (5.8; over maps 5.9).
func hasIterator(kernel *btf.Spec, h hook) bool {
	var iterator *btf.Func
	return kernel.TypeByName("bpf_iter_"+h.tracepoint, &iterator) == nil
}

// seed runs the iterator to its end: it writes nothing, only the state map.
func seed(program *ebpf.Program) error {
	iterator, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return fmt.Errorf("attach the iterator over files: %w", err)
	}
	files, err := iterator.Open()
	if err != nil {
		return errors.Join(fmt.Errorf("open the iterator over files: %w", err), iterator.Close())
	}
	_, err = io.Copy(io.Discard, files)
	if err != nil {
		err = fmt.Errorf("run the iterator over files: %w", err)
	}
	return errors.Join(err, files.Close(), iterator.Close())
}

// selectHooks removes from the spec the programs that are not enabled or whose tracepoint the kernel lacks, and gives the
// reasons. A core tracepoint that is missing is an error.
func selectHooks(spec *ebpf.CollectionSpec, kernel *btf.Spec, kinds map[bpf.Kind]bool) (map[string]string, error) {
	skipped := map[string]string{}
	for _, h := range hooks {
		switch {
		case h.kind != 0 && !kinds[h.kind]:
			skipped[h.program] = notEnabled
		case tracepointArgs(kernel, h.tracepoint) == 0 && h.core:
			return nil, fmt.Errorf("%w: the kernel has no tracepoint %s (since 4.16)", ErrNoBTF, h.attachPoint())
		case tracepointArgs(kernel, h.tracepoint) == 0:
			skipped[h.program] = "this kernel has no such tracepoint"
		default:
			continue
		}
		delete(spec.Programs, h.program)
	}
	for _, h := range iterators {
		switch {
		case h.kind != 0 && !kinds[h.kind]:
			skipped[h.program] = notEnabled
		case !hasIterator(kernel, h):
			skipped[h.program] = "this kernel has no such iterator"
		default:
			continue
		}
		delete(spec.Programs, h.program)
	}
	return skipped, nil
}

// attachment is a hook and its link.
type attachment struct {
	hook
	link.Link
}

// detachOrder says when a hook is detached, the lowest first. on_reset_sent is first: the kernel gives the memory of an ended socket
// to the next one, and while the hooks go, its reset would be put into the row of that ending. Settle marks the endings that then have no
// reset. on_destroy is before on_state: without that it would report every ending as one without -> CLOSE. The hooks
// of other evidence are last: no ending is recorded without the reset that caused it. A hook's `…_missed` is before the
// hook: alone it would take every run for one that was missed.
func (h hook) detachOrder() int {
	after := 1
	if strings.HasSuffix(h.program, "_missed") {
		after = 0
	}
	switch h.tracepoint {
	case "tcp_send_reset":
		return after
	case "tcp_destroy_sock":
		return 2 + after
	case "inet_sock_set_state":
		return 4 + after
	}
	return 6 + after
}

// attach returns the links in the order of hooks, also on an error. A link that nothing refers to is detached when the garbage
// collector frees it, so Capture keeps them all.
func attach(programs map[string]*ebpf.Program) ([]attachment, error) {
	var links []attachment
	for _, h := range hooks {
		program, loaded := programs[h.program]
		if !loaded {
			continue
		}
		attached, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return links, fmt.Errorf("attach %s to %s: %w", h.program, h.attachPoint(), err)
		}
		links = append(links, attachment{h, attached})
	}
	return links, nil
}
