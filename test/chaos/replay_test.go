// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/stretchr/testify/require"

	"tcpledger/agent/capture"
	"tcpledger/bpf"
	"tcpledger/test/lab"
)

// recordedEndings is how many connections a recording is made of; each has two endings.
const recordedEndings = 1_000

// record makes connections, and gives what the kernel side wrote into its ring buffer meanwhile, raw.
func record(t testing.TB) (records [][]byte) {
	t.Helper()
	c, err := capture.New(capture.DefaultConfig())
	require.NoError(t, err)
	require.NoError(t, c.Start())
	dir := lab.Pins(t)
	pins, err := capture.OpenPins(dir)
	require.NoError(t, err)
	require.NoError(t, c.Pin(pins, 1))
	l := lab.New(t)
	l.A.Actor(t, "recorded").Storm(l.A.IPv4, recordedEndings)
	require.NoError(t, c.Detach())
	ring, err := ebpf.LoadPinnedMap(filepath.Join(session(t, dir), "map_ring"), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, ring.Close()) }()
	reader, err := ringbuf.NewReader(ring)
	require.NoError(t, err)
	for {
		reader.SetDeadline(time.Now())
		one, err := reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		require.NoError(t, err)
		if kind := bpf.Kind(one.RawSample[2]); kind != bpf.KindStack {
			records = append(records, one.RawSample)
		}
	}
	require.GreaterOrEqual(t, len(records), recordedEndings)
	require.NoError(t, errors.Join(reader.Close(), c.Close(), pins.Close()))
	_, err = capture.Uninstall(dir)
	require.NoError(t, err)
	return records
}

// session is the folder of the one pinned session, "" if there is none now.
func session(t testing.TB, pins string) string {
	t.Helper()
	for _, stage := range []string{"session_*", "ending_*"} {
		found, err := filepath.Glob(filepath.Join(pins, stage))
		require.NoError(t, err)
		if len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// replay writes recorded records into the ring buffer of a running agent, at a rate, through the kernel: each gets the next number of a
// stream, as the hooks number theirs, and the time of now. What finds the ring full leaves a gap in the numbers.
type replay struct {
	t       testing.TB
	pins    string
	sizes   []int     // of each record
	source  *ebpf.Map // index to record
	session string    // whose maps the programs write to
	write   map[int]*ebpf.Program
	cancel  context.CancelFunc
	done    chan struct{}
	count   uint64 // valid after stop
}

// level is the nesting level whose numbers the replay takes: the hooks share it if they ever nest so deep.
const level = 3

func startReplay(t testing.TB, pins string, records [][]byte, rate int) *replay {
	t.Helper()
	r := &replay{t: t, pins: pins, done: make(chan struct{})}
	largest := 0
	for _, raw := range records {
		r.sizes, largest = append(r.sizes, len(raw)), max(largest, len(raw))
	}
	var err error
	r.source, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: uint32(largest), MaxEntries: uint32(len(records))})
	require.NoError(t, err)
	for i, raw := range records {
		require.NoError(t, r.source.Put(uint32(i), append(raw, make([]byte, largest-len(raw))...)))
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go r.run(ctx, rate)
	t.Cleanup(r.stop)
	return r
}

func (r *replay) stop() {
	r.cancel()
	<-r.done
}

func (r *replay) run(ctx context.Context, rate int) {
	defer close(r.done)
	began, at := time.Now(), 0
	for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		if r.attach() != nil {
			began, r.count = time.Now(), 0 // no session now: nothing is written, and nothing is made up for
			continue
		}
		for due := uint64(time.Since(began).Seconds() * float64(rate)); r.count < due; r.count++ {
			if err := r.one(at); err != nil {
				r.t.Error("replay:", err)
				return
			}
			at = (at + 1) % len(r.sizes)
		}
	}
}

// one writes a record. The programs return whether there was room, which is the agent's to find out.
func (r *replay) one(index int) error {
	program := r.write[r.sizes[index]]
	_, err := program.Run(&ebpf.RunOptions{Context: binary.NativeEndian.AppendUint64(nil, uint64(index))})
	return err
}

// attach makes the programs for the session that is pinned now, if it is another one than before.
func (r *replay) attach() error {
	found, err := filepath.Glob(filepath.Join(r.pins, "session_*"))
	if err != nil || len(found) == 0 {
		return errors.Join(err, os.ErrNotExist)
	}
	if found[0] == r.session {
		return nil
	}
	ring, err := ebpf.LoadPinnedMap(filepath.Join(found[0], "map_ring"), nil)
	if err != nil {
		return err
	}
	defer func() { _ = ring.Close() }()
	streams, err := ebpf.LoadPinnedMap(filepath.Join(found[0], "map_streams"), nil)
	if err != nil {
		return err
	}
	defer func() { _ = streams.Close() }()
	programs := map[int]*ebpf.Program{}
	for _, size := range r.sizes {
		if programs[size] == nil {
			if programs[size], err = writer(r.source, streams, ring, size); err != nil {
				return err
			}
		}
	}
	r.session, r.write = found[0], programs
	return nil
}

// writer makes the program that writes a record of that size. Offsets are those of bpf.Head.
func writer(source, streams, ring *ebpf.Map, size int) (*ebpf.Program, error) {
	const stream, seq, at, cpu = 4, 8, 16, 28
	return ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.Syscall, License: "GPL", Flags: 1 << 4, Instructions: asm.Instructions{ // BPF_F_SLEEPABLE
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word),
		asm.StoreMem(asm.RFP, -4, asm.R2, asm.Word),
		asm.LoadMapPtr(asm.R1, source.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Reg(asm.R6, asm.R0), // the record
		asm.StoreImm(asm.RFP, -4, level, asm.Word),
		asm.LoadMapPtr(asm.R1, streams.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
		asm.Mov.Imm(asm.R7, 1),
		bpf.FetchAdd(asm.R0, asm.R7, 0),
		asm.StoreMem(asm.R6, seq, asm.R7, asm.DWord),
		asm.FnKtimeGetBootNs.Call(),
		asm.StoreMem(asm.R6, at, asm.R0, asm.DWord),
		asm.FnGetSmpProcessorId.Call(),
		asm.StoreMem(asm.R6, cpu, asm.R0, asm.Word),
		asm.LSh.Imm(asm.R0, 2),
		asm.Add.Imm(asm.R0, level),
		asm.StoreMem(asm.R6, stream, asm.R0, asm.Word),
		asm.LoadMapPtr(asm.R1, ring.FD()),
		asm.Mov.Reg(asm.R2, asm.R6),
		asm.Mov.Imm(asm.R3, int32(size)),
		asm.Mov.Imm(asm.R4, 1), // BPF_RB_NO_WAKEUP
		asm.FnRingbufOutput.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return().WithSymbol("exit"),
	}})
}
