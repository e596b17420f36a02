// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"tcpledger/agent/message"
	"tcpledger/schema"
)

// format changes if an older version would read the file wrong.
const format = 1

// head is the first frame.
type head struct {
	Format  int               `json:"format"`
	Host    string            `json:"host"`
	BootID  string            `json:"boot_id"`
	Session uint64            `json:"session"`
	Run     uint64            `json:"run"`
	Last    uint64            `json:"last"`
	Started bool              `json:"started"`
	Reached [][3]uint64       `json:"reached"`
	Untold  map[string]ranges `json:"untold,omitempty"`
}

// ranges are the ranges of an untold.
type ranges struct {
	At     uint64      `json:"at"`
	Ranges [][3]uint64 `json:"ranges"`
}

func flat(ranges []schema.Range) (out [][3]uint64) {
	for _, r := range ranges {
		out = append(out, [3]uint64{uint64(r.Stream), r.From, r.To})
	}
	return out
}

func numbers(ranges [][3]uint64) *message.Numbers {
	n := message.NewNumbers()
	for _, r := range ranges {
		if r[1] <= r[2] {
			n.Add(schema.Range{Stream: uint32(r[0]), From: r[1], To: r[2]})
		}
	}
	return n
}

// add takes a message in: its numbers are in a message now, and those of its losses need not be told any more.
func (c *contents) add(m *message.Message) {
	c.live[m.ID], c.last = m, max(c.last, m.ID)
	c.started = c.started || m.Checkpoints > 0
	for _, r := range m.Ranges {
		c.reached.Add(r)
	}
	for _, l := range m.Losses {
		r := schema.Range{Stream: l.Stream, From: l.SeqFrom, To: l.SeqTo}
		c.reached.Add(r)
		for cause, u := range c.untold {
			if u.numbers.Remove(r); len(u.numbers.Ranges()) == 0 {
				delete(c.untold, cause)
			}
		}
	}
}

// begin begins another session. The messages that may not have arrived stay, without numbers: those are of a session that is not this one.
func (c *contents) begin() contents {
	fresh := empty()
	fresh.last = c.last
	for id, m := range c.live {
		kept := *m
		kept.Ranges, kept.Losses, kept.Checkpoints = nil, nil, 0
		fresh.live[id] = &kept
	}
	return fresh
}

// lose makes the numbers of a message untold, and the losses in it, too.
func (c *contents) lose(id uint64, cause string) {
	m := c.live[id]
	if m == nil {
		return
	}
	delete(c.live, id)
	for _, r := range m.Ranges {
		c.untell(r, cause, m.At)
	}
	for _, l := range m.Losses {
		c.untell(schema.Range{Stream: l.Stream, From: l.SeqFrom, To: l.SeqTo}, l.Cause, l.At)
	}
}

func (c *contents) untell(r schema.Range, cause string, at uint64) {
	u := c.untold[cause]
	if u == nil {
		u = &untold{at: at, numbers: message.NewNumbers()}
		c.untold[cause] = u
	}
	u.numbers.Add(r)
}

// waiting gives the held endings that are in no message yet.
func (c *contents) waiting() []message.Message {
	return slices.DeleteFunc(slices.Clone(c.held), func(m message.Message) bool {
		return !slices.ContainsFunc(m.Ranges, func(r schema.Range) bool { return !c.reached.Covers(r) })
	})
}

// renew writes the file anew.
func (j *Journal) renew() error {
	made := j.path + ".new"
	file, err := os.OpenFile(made, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make the journal: %w", err)
	}
	size, err := j.kept.write(file)
	if err == nil {
		err = os.Rename(made, j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the journal: %w", err), file.Close(), os.Remove(made))
	}
	if j.file != nil {
		err = j.file.Close()
	}
	j.file, j.size, j.base = file, size, size
	return err
}

func (c *contents) write(w io.Writer) (int64, error) {
	h := head{Format: format, Host: c.header.Host, BootID: c.header.BootID, Session: c.header.Session, Run: c.header.Run, Last: c.last, Started: c.started,
		Reached: flat(c.reached.Ranges()), Untold: map[string]ranges{}}
	for cause, u := range c.untold {
		h.Untold[cause] = ranges{u.at, flat(u.numbers.Ranges())}
	}
	out := bufio.NewWriterSize(w, 1<<20)
	size := int64(0)
	write := func(b []byte, err error) error {
		size += int64(len(b))
		if err == nil {
			_, err = out.Write(b)
		}
		return err
	}
	if err := write(appendJSON(nil, frameHead, h)); err != nil {
		return size, err
	}
	if err := write(appendJSON(nil, frameState, c.state)); err != nil {
		return size, err
	}
	for i := range c.held {
		if err := write(appendMessage(nil, frameHeld, &c.held[i]), nil); err != nil {
			return size, err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.live)) {
		if err := write(appendMessage(nil, frameMessage, c.live[id]), nil); err != nil {
			return size, err
		}
	}
	return size, out.Flush()
}

// read reads a file. damaged says that what it gives is not all; a message cut off at the end is no damage.
func read(path string) (c contents, damaged bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return c, false, err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return c, false, fmt.Errorf("read the journal: %w", err)
	}
	c, err = parse(bufio.NewReader(file), info.Size())
	if errors.Is(err, errDamaged) {
		return c, true, nil
	}
	return c, false, err
}

// parse reads size bytes. What it gives with errDamaged is what was before the damage.
func parse(r io.Reader, size int64) (contents, error) {
	c, decoder := empty(), schema.NewBatchDecoder()
	for first := true; size > 0; first = false {
		kind, payload, err := readFrame(r, size)
		if errors.Is(err, errTorn) && !first {
			return c, nil
		}
		if errors.Is(err, errTorn) || (err == nil && first != (kind == frameHead)) {
			err = errDamaged
		}
		if err == nil {
			err = c.apply(kind, payload, decoder)
		}
		if err != nil {
			return c, err
		}
		size -= prefixBytes + 1 + int64(len(payload))
	}
	return c, nil
}

// apply does what a frame says. It keeps payload.
func (c *contents) apply(kind byte, payload []byte, decoder *schema.BatchDecoder) error {
	switch kind {
	case frameHead:
		return c.applyHead(payload)
	case frameState:
		c.state, c.held = State{}, nil
		if json.Unmarshal(payload, &c.state) != nil {
			return errDamaged
		}
	case frameMessage, frameHeld:
		m, err := parseMessage(payload, &c.header, decoder)
		if err != nil {
			return err
		}
		if kind == frameHeld {
			c.held = append(c.held, *m)
		} else {
			c.add(m)
		}
	case frameDone, frameLost:
		if len(payload) < 8 {
			return errDamaged
		}
		if id := le.Uint64(payload); kind == frameLost {
			c.lose(id, string(payload[8:]))
		} else {
			delete(c.live, id)
		}
	default:
		return errDamaged
	}
	return nil
}

func (c *contents) applyHead(payload []byte) error {
	var h head
	if json.Unmarshal(payload, &h) != nil || h.Format != format {
		return errDamaged
	}
	c.header = schema.Header{Host: h.Host, BootID: h.BootID, Session: h.Session, Run: h.Run}
	c.last, c.started, c.reached = h.Last, h.Started, numbers(h.Reached)
	for cause, u := range h.Untold {
		c.untold[cause] = &untold{u.At, numbers(u.Ranges)}
	}
	return nil
}
