// SPDX-License-Identifier: Apache-2.0

package nat

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cilium/ebpf"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"tcpledger/bpf/conntrack"
	"tcpledger/internal/program"
	"tcpledger/schema"
)

// Batch is how many connections one system call looks up at most.
const Batch = conntrack.Batch

// What this machine may lack; each comes wrapped in one line.
var (
	ErrPrivileges  = errors.New("missing capability")
	ErrUnsupported = errors.New("connection tracking cannot be asked")
)

// frame is the least that the kernel takes as a packet.
const frame = 64

// Table is the connection tracking of the network namespace that the process is in. It is for one goroutine.
type Table struct {
	objects  *ebpf.Collection
	program  *ebpf.Program
	asked    *ebpf.Variable
	count    *ebpf.Variable
	entries  [Batch]conntrack.Entry
	answered [Batch]conntrack.Entry
	packet   [frame]byte
	outage   *program.Outage
	lookups  map[result]prometheus.Counter
}

// Open loads the program, for which it needs CAP_NET_ADMIN, and CAP_SYS_ADMIN too if connection tracking is a module. Afterwards CAP_BPF will do.
// An error is ErrPrivileges, ErrUnsupported or what else the kernel says. The caller closes the table.
func Open(registry prometheus.Registerer, log *slog.Logger) (*Table, error) {
	m := newMetrics(registry)
	spec, err := conntrack.Spec()
	if err != nil {
		return nil, fmt.Errorf("read the BPF object of connection tracking: %w", err)
	}
	objects, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, explain(err)
	}
	m.available.Set(1)
	return &Table{objects: objects, program: objects.Programs[conntrack.Program], asked: objects.Variables[conntrack.Asked],
		count: objects.Variables[conntrack.Count], outage: program.NewOutage(log, "nat"), lookups: m.lookups}, nil
}

// explain says what to do about a program that does not load.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, unix.EPERM) && !errors.As(err, &verifier):
		return fmt.Errorf("%w: CAP_NET_ADMIN, and CAP_SYS_ADMIN where nf_conntrack is a module; both are given up once it is loaded: %w", ErrPrivileges, err)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: the kernel is older than 5.18, or nf_conntrack was not loaded when the agent started: %w", ErrUnsupported, err)
	}
	return fmt.Errorf("load the program that asks connection tracking: %w", err)
}

// Err is nil if the last lookup worked. It is safe for concurrent use.
func (t *Table) Err() error { return t.outage.Err() }

// Close unloads the program. Without a table it does nothing.
func (t *Table) Close() {
	if t != nil {
		t.objects.Close()
	}
}

// Ask sets NAT of at most Batch connections that ended lately. One of which nothing is known keeps what it has. A lookup that fails is counted, and
// logged if it is the first.
func (t *Table) Ask(connections []*schema.Connection) {
	for i, c := range connections {
		ask(c, &t.entries[i])
	}
	if err := t.run(uint32(len(connections))); err != nil {
		t.lookups[failed].Add(float64(len(connections)))
		t.outage.Failing(err)
		return
	}
	t.outage.Recovered()
	for i, c := range connections {
		t.lookups[answer(c, &t.answered[i])].Inc()
	}
}

func (t *Table) run(count uint32) error {
	if err := errors.Join(t.asked.Set(&t.entries), t.count.Set(count)); err != nil {
		return fmt.Errorf("ask connection tracking: %w", err)
	}
	if _, err := t.program.Run(&ebpf.RunOptions{Data: t.packet[:]}); err != nil {
		return fmt.Errorf("ask connection tracking: %w", err)
	}
	if err := t.asked.Get(&t.answered); err != nil {
		return fmt.Errorf("read the answers of connection tracking: %w", err)
	}
	return nil
}
