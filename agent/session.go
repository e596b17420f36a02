// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"tcpledger/agent/capture"
	"tcpledger/agent/journal"
	"tcpledger/agent/message"
	"tcpledger/agent/pipeline"
	"tcpledger/agent/sink"
	"tcpledger/schema"
)

const (
	// noPins is the value of --pins for an agent that leaves nothing in the kernel.
	noPins = "none"
	// defaultJournal is the folder of the journal outside of systemd.
	defaultJournal = "/var/lib/tcpledger"
)

// takeover is what lets a run go on with the session of an earlier one. All of it is nil if that is not possible.
type takeover struct {
	pins    *capture.Pins
	journal *journal.Journal
	past    *journal.Past
	ended   bool // the session of past was brought to its end
}

// openTakeover takes the pins and the journal. What cannot be used is said once; the agent then begins a session and ends it.
func (a *agent) openTakeover() (t takeover) {
	o := a.options
	if a.publisher == nil || o.pins == noPins {
		return takeover{}
	}
	var err error
	if t.pins, err = capture.OpenPins(o.pins); err == nil {
		if t.journal, t.past, err = openJournal(o.journalDir(), a.log); err != nil {
			err = errors.Join(err, t.pins.Close())
		}
	}
	if err == nil {
		return t
	}
	if errors.Is(err, capture.ErrNoPins) {
		a.log.Info("a restart of the agent will begin a session of its own, and miss what happens meanwhile", "why", err)
		return takeover{}
	}
	a.goAlone(err)
	return takeover{}
}

// begin goes on with the session that an earlier run has left, or ends that and begins one.
func (a *agent) begin() error {
	a.takeover = a.openTakeover()
	if a.takeover.pins == nil {
		return a.capture.Start()
	}
	a.restore()
	err := a.takeOver()
	switch {
	case err != nil:
		a.goAlone(err)
		return a.capture.Start()
	case a.resumed:
		return nil
	}
	return a.beginSession()
}

// restore queues what earlier runs may not have brought to Kafka. It goes without its numbers, which may be those of another session.
func (a *agent) restore() {
	unsent := a.takeover.journal.Unsent()
	for i := range unsent {
		unsent[i].Ranges, unsent[i].Losses = nil, nil
	}
	a.publisher.Restore(unsent)
}

// goAlone gives up pins and journal, and says why. What is pinned stays as it is.
func (a *agent) goAlone(why error) {
	a.log.Warn("a restart of the agent will begin a session of its own, and miss what happens meanwhile", "why", errors.Join(why, a.takeover.close()))
	a.takeover = takeover{}
}

// takeOver goes on with the pinned session that the journal knows, or ends it. The others go first, so that an error leaves nothing half done.
func (a *agent) takeOver() error {
	t := &a.takeover
	sessions, err := t.pins.Sessions()
	if err != nil {
		return err
	}
	known := func(s capture.PinnedSession) bool { return t.past.Is(a.header.BootID, s.Session) }
	for _, s := range sessions {
		if known(s) {
			continue
		}
		a.log.Warn("removed the pins of a session whose journal is missing or damaged; what its ring buffer held is unknown", "session", session(s.Session))
		if err := t.pins.Remove(s); err != nil {
			return err
		}
	}
	for _, s := range sessions {
		if !known(s) || a.resume(s) {
			continue
		}
		if err := a.endSession(s); err != nil {
			return err
		}
	}
	return nil
}

// resume reports whether it went on with the session.
func (a *agent) resume(s capture.PinnedSession) bool {
	if !a.capture.Fits(s) || a.takeover.past.Header.Host != a.header.Host {
		return false
	}
	header := a.header
	header.Session = s.Session
	err := a.capture.Resume(s)
	if err == nil {
		err = a.takeover.journal.Begin(header)
	}
	if err != nil {
		a.log.Warn("cannot go on with the session of an earlier run", "session", session(s.Session), "err", err)
		return false
	}
	a.header, a.resumed = header, true
	a.log.Info("goes on with the session of an earlier run", "session", session(s.Session), "run", session(a.takeover.past.Header.Run), "clean", a.takeover.past.State.Clean)
	return true
}

// endSession reads the ring of a session that does not fit to its end, tells what is lost of it and makes its last checkpoint.
func (a *agent) endSession(s capture.PinnedSession) error {
	t := &a.takeover
	if err := a.capture.Load(); err != nil { // before the old hooks go, because it takes a second
		return err
	}
	if !a.capture.Readable(s) {
		a.log.Warn("removed the pins of a session whose records this version cannot read", "session", session(s.Session))
		return t.pins.Remove(s)
	}
	a.log.Info("ends the session of an earlier run, which had other settings or another version", "session", session(s.Session))
	old, err := a.capture.Old(s)
	if errors.Is(err, capture.ErrIncomplete) {
		a.log.Warn("removed pins of which something is missing", "session", session(s.Session), "err", err)
		return t.pins.Remove(s)
	}
	if err != nil {
		return err
	}
	header := a.header
	header.Session, header.Host = s.Session, t.past.Header.Host
	t.ended = true
	return errors.Join(a.drainSession(old, header), old.Close())
}

func (a *agent) drainSession(old *capture.Capture, header schema.Header) error {
	t := &a.takeover
	if err := t.journal.Begin(header); err != nil {
		return err
	}
	if err := a.resolver.Read(); err != nil {
		a.log.Debug("the last stacks go out without symbols", "err", err)
	}
	release, machine, err := kernel()
	if err != nil {
		return err
	}
	to := sink.NewKafka(sink.KafkaConfig{Header: header, Release: release, Facts: a.facts(machine, nil), Limits: a.options.batch,
		Publisher: a.publisher, Symbols: a.symbols, Journal: t.journal, More: true})
	p, err := pipeline.New(pipeline.Config{Limits: a.options.limits, Capture: old, Owners: a.owners, Resolver: a.resolver,
		Stacks: a.options.cachedStacks(), Sink: to, NAT: a.nat, Registry: prometheus.NewRegistry(), Past: t.past, Journal: t.journal})
	if err != nil {
		return err
	}
	over, end := context.WithCancel(context.Background())
	end()
	return p.Run(over)
}

// beginSession attaches the hooks, and pins them if the journal can be written.
func (a *agent) beginSession() error {
	t := &a.takeover
	if err := a.capture.Start(); err != nil {
		return err
	}
	left, ended := t.past, t.ended
	err := t.journal.Begin(a.header)
	if err == nil {
		err = a.capture.Pin(t.pins, a.header.Session)
	}
	if err != nil {
		a.goAlone(err)
		return nil
	}
	if left != nil && !left.Damaged && !ended {
		a.sendHeld(left)
	}
	return nil
}

// sendHeld sends the endings that a run left of a session that is gone: their resets will not come.
func (a *agent) sendHeld(left *journal.Past) {
	for i := range left.Held {
		m := left.Held[i]
		m.Ranges = nil // of another session
		a.takeover.journal.Add(&m)
		a.publisher.Offer(m)
	}
}

// close closes what openTakeover opened; the captures are closed by then.
func (t *takeover) close() error {
	if t.pins == nil {
		return nil
	}
	return errors.Join(t.journal.Close(), t.pins.Close())
}

func openJournal(dir string, log *slog.Logger) (*journal.Journal, *journal.Past, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the journal: %w", err)
	}
	return journal.Open(dir, log)
}

// journalDir is the folder of the journal.
func (o *options) journalDir() string {
	if o.journal != "" {
		return o.journal
	}
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir
	}
	return defaultJournal
}

func (o *options) checkTakeover() error {
	if o.pins != noPins && !filepath.IsAbs(o.pins) {
		return fmt.Errorf("--pins %s: an absolute path expected, or %s", o.pins, noPins)
	}
	return nil
}

// journalOf is the journal that the publisher reports to: that of the agent, once it is open.
type journalOf struct{ *agent }

// Done notes that a message is sent.
func (j journalOf) Done(m *message.Message) { j.takeover.journal.Done(m) }

// Lost notes that a message is lost, and why.
func (j journalOf) Lost(m *message.Message, cause string) { j.takeover.journal.Lost(m, cause) }
