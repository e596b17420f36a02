// SPDX-License-Identifier: Apache-2.0

package print

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// ErrClosed says that the reader of the output is gone (`| head`): the end of the work, no failure. The program must ignore
// SIGPIPE to see it on its standard output.
var ErrClosed = errors.New("output closed")

// Options say how to print. The zero value is for files and pipes.
type Options struct {
	Color  bool
	Rows   func() int                    // lines of the screen: the header comes again on each; nil: once
	Stacks func(stackID uint64) []string // the frames of a stack, innermost first; nil: no stacks
	Zone   *time.Location                // nil: UTC; the header says it
}

// For gives the options that fit f: on a terminal colours, unless NO_COLOR is set (no-color.org) or TERM is dumb, and a
// header on each screenful.
func For(f *os.File) Options {
	if !isatty.IsTerminal(f.Fd()) {
		return Options{}
	}
	rows := func() int {
		_, height, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return height
	}
	return Options{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Rows: rows}
}

// Printer writes one line a record, and its stack below, each record in one write. It is for one goroutine.
type Printer struct {
	w       io.Writer
	options Options
	paint   palette
	line    row
	printed int // lines since the last header
	began   bool
}

// New makes a printer; it writes nothing yet.
func New(w io.Writer, o Options) *Printer {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Printer{w: w, options: o, paint: newPalette(o.Color)}
}

// Connection prints a connection that ended; wall is the wall clock of c.At. The error is ErrClosed or the writer's.
func (p *Printer) Connection(c *schema.Connection, wall time.Time) error {
	v := schema.Decide(c)
	p.start(wall)
	p.owner(&c.Owner)
	p.tuple(&c.Socket)
	p.line.cell(columnState, c.LastState.String())
	p.line.painted(columnCause, string(v.Cause), p.paint.cause(v.Cause))
	p.line.cell(columnInitiator, string(v.Initiator))
	p.line.cell(columnDuration, lifetime(c))
	finReceived := c.Flags.Has(schema.FlagFinReceived)
	p.line.cell(columnSent, size(c.BytesSent()))
	p.line.cell(columnReceived, size(c.BytesReceived(finReceived)))
	p.line.cell(columnDetail, connectionDetail(c, v))
	return p.finish(c.StackID)
}

// Event prints an event; wall is the wall clock of e.At.
func (p *Printer) Event(e *schema.Event, wall time.Time) error {
	p.start(wall)
	if e.Kind == schema.KindSkbConsumed { // as the classic script: whatever ran on the CPU
		p.process(e.Context.PID, e.Context.Comm)
	} else {
		p.owner(&e.Owner)
	}
	p.tuple(&e.Socket)
	p.line.cell(columnState, e.State.String())
	p.line.painted(columnCause, e.Kind.String(), p.paint.kind(e.Kind))
	p.line.after(eventDetail(e))
	return p.finish(e.StackID)
}

// Loss prints records that were numbered and lost.
func (p *Printer) Loss(l *schema.Loss, wall time.Time) error {
	p.start(wall)
	p.line.painted(columnPID, fmt.Sprintf("lost %d records of stream %d (%d to %d): %s", l.Lost(), l.Stream, l.SeqFrom, l.SeqTo,
		text.Printable(l.Cause)), p.paint.bad)
	return p.finish(0)
}

// start begins a line, after a header if one is due.
func (p *Printer) start(wall time.Time) {
	p.line.reset()
	if p.headerDue() {
		p.line.header(p.paint.header, wall.In(p.options.Zone).Format("MST"))
		p.began, p.printed = true, 1
	}
	p.line.cell(columnTime, wall.In(p.options.Zone).Format(time.TimeOnly))
}

func (p *Printer) headerDue() bool {
	if !p.began {
		return true
	}
	if p.options.Rows == nil {
		return false
	}
	rows := p.options.Rows()
	return rows > 1 && p.printed+1 > rows-1
}

// finish writes the record with its stack.
func (p *Printer) finish(stackID uint64) error {
	p.line.end()
	p.printed++
	if p.options.Stacks != nil && stackID != 0 {
		for _, frame := range p.options.Stacks(stackID) {
			p.line.frame(text.Printable(frame))
			p.printed++
		}
	}
	_, err := p.w.Write(p.line.bytes)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("print: %w: %w", ErrClosed, err)
	}
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// owner prints who used the socket, "-" if nobody knows. A listener's name is a hint only: it stands in parentheses.
func (p *Printer) owner(o *schema.Owner) {
	comm := text.Printable(o.Comm)
	switch {
	case o.How == schema.OwnerListener && comm != "":
		comm = "(" + comm + ")"
	case comm == "":
		comm = unknown
	}
	if o.PID == 0 {
		p.line.cell(columnPID, unknown)
		p.line.cell(columnComm, comm)
		return
	}
	p.process(o.PID, comm)
}

func (p *Printer) process(pid uint32, comm string) {
	p.line.cell(columnPID, fmt.Sprint(pid))
	p.line.cell(columnComm, text.Printable(comm))
}

func (p *Printer) tuple(s *schema.Socket) {
	p.line.cell(columnSource, endpoint(s.LocalIP, s.LocalPort))
	p.line.cell(columnTarget, endpoint(s.RemoteIP, s.RemotePort))
}
