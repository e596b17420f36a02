// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"tcpledger/agent/clock"
	"tcpledger/agent/message"
	"tcpledger/schema"
)

const (
	fileName = "journal"
	// maxGrowth is how far the file grows before it is made anew with what is still of use.
	maxGrowth = int64(8 << 20)
	// retryAfter is how long a file that cannot be written is left alone.
	retryAfter = 5 * time.Second
)

// State is what the pipeline has counted and found in this session so far.
type State struct {
	LingeringOwn  uint64 `json:"lingering_own"`
	LingeringFrom uint64 `json:"lingering_from"` // stays that became too long before this kernel time are reported
	Late          uint64 `json:"late"`
	Early         uint64 `json:"early"`
	LostResets    uint64 `json:"lost_resets"`
	ReadAt        uint64 `json:"read_at"` // kernel time of LostResets
	Clean         bool   `json:"clean"`   // the run let go of the session in order: what it had read is here
}

// Journal is the open file. Its methods are safe for concurrent use; those of nil do nothing.
type Journal struct {
	path string
	log  *slog.Logger

	mu      sync.Mutex
	file    *os.File // nil: it cannot be written
	size    int64
	base    int64 // what a file made anew takes
	retryAt time.Time
	kept    contents
}

// contents are what the file says.
type contents struct {
	header  schema.Header
	reached *message.Numbers
	live    map[uint64]*message.Message // sent, or to be sent, and not known to have arrived
	untold  map[string]*untold          // by cause
	last    uint64                      // id of the last message
	started bool                        // a checkpoint is in a message
	state   State
	held    []message.Message // endings that wait for their reset
}

// untold are numbers of messages that were dropped and are in no loss that was sent.
type untold struct {
	at      uint64 // kernel time of the first message
	numbers *message.Numbers
}

func empty() contents {
	return contents{reached: message.NewNumbers(), live: map[uint64]*message.Message{}, untold: map[string]*untold{}}
}

// Open reads what the last run left in dir, which exists, and gives it; past is nil if there is nothing. Call Begin next.
func Open(dir string, log *slog.Logger) (j *Journal, past *Past, err error) {
	j = &Journal{path: filepath.Join(dir, fileName), log: log, kept: empty()}
	c, damaged, err := read(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	j.kept = c
	return j, c.past(damaged), nil
}

// Begin begins a run's part of the journal. If h names another session than the one before, only the messages that may not have
// arrived stay of that. An error means that the run has no journal: it must not leave pins behind.
func (j *Journal) Begin(h schema.Header) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if h.Session != j.kept.header.Session || h.BootID != j.kept.header.BootID {
		j.kept = j.kept.begin()
	}
	j.kept.header = h
	j.kept.header.Ranges = nil
	j.kept.state.Clean = false
	return j.renew()
}

// Unsent gives the messages that may not have arrived. Those of another session than that of Begin have no numbers.
func (j *Journal) Unsent() []message.Message {
	j.mu.Lock()
	defer j.mu.Unlock()
	var all []message.Message
	for _, id := range slices.Sorted(maps.Keys(j.kept.live)) {
		all = append(all, *j.kept.live[id])
	}
	return all
}

// Add keeps m, which is to be sent next, and gives it its id. Its slices must not change until Done or Lost.
func (j *Journal) Add(m *message.Message) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept.last++
	m.ID = j.kept.last
	kept := *m
	j.kept.add(&kept)
	j.append(appendMessage(nil, frameMessage, &kept))
}

// Done says that m is safe elsewhere.
func (j *Journal) Done(m *message.Message) {
	if j == nil || m.ID == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.kept.live, m.ID)
	j.append(appendID(nil, frameDone, m.ID, ""))
}

// Lost says that m was dropped. Its numbers are to be told as losses, in a later message.
func (j *Journal) Lost(m *message.Message, cause string) {
	if j == nil || m.ID == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.kept.lose(m.ID, cause)
	j.append(appendID(nil, frameLost, m.ID, cause))
}

// Save keeps the state. Endings that were held before stay until they are in messages.
func (j *Journal) Save(s State) {
	if j == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.save(s, j.kept.waiting())
}

// Leave keeps the state of a run that lets go of the session in order, and the endings that wait for their reset.
func (j *Journal) Leave(s State, held iter.Seq[*schema.Connection]) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Clean = true
	batches, err := j.batches(held)
	j.save(s, batches)
	return err
}

func (j *Journal) save(s State, held []message.Message) {
	j.kept.state, j.kept.held = s, held
	b, err := appendJSON(nil, frameState, s)
	if err != nil {
		j.fail(err)
		return
	}
	for i := range held {
		b = appendMessage(b, frameHeld, &held[i])
	}
	j.append(b)
}

// batches makes batches of endings, as they would be sent.
func (j *Journal) batches(held iter.Seq[*schema.Connection]) (out []message.Message, err error) {
	h := j.kept.header
	if h.Clock, err = clock.Measure(); err != nil {
		return nil, err
	}
	rows := schema.NewBatchEncoder()
	finish := func() error {
		if rows.Records() == 0 {
			return nil
		}
		m := message.Message{Topic: schema.TopicEvents, Key: []byte(h.Host), Records: rows.Records()}
		if m.Value, m.Ranges, err = rows.Finish(&h); err != nil {
			return fmt.Errorf("encode the endings that wait: %w", err)
		}
		out = append(out, m)
		return nil
	}
	for c := range held {
		rows.AddConnection(c)
		if rows.Records() == schema.BatchRecords {
			if err := finish(); err != nil {
				return out, err
			}
		}
	}
	return out, finish()
}

// Remove removes the file: the session has ended, and all of it is safe.
func (j *Journal) Remove() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.kept.live) > 0 || len(j.kept.untold) > 0 {
		return nil // the next run sends them
	}
	err := os.Remove(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Close closes the file, which stays.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// append appends frames, or makes the file anew if that is due.
func (j *Journal) append(frames []byte) {
	if j.file == nil && time.Now().Before(j.retryAt) {
		return
	}
	var err error
	if j.file == nil || j.size > j.base+maxGrowth {
		err = j.renew() // with what the frames say
	} else {
		_, err = j.file.Write(frames)
		j.size += int64(len(frames))
	}
	if err != nil {
		j.fail(err)
	}
}

// fail removes the file: what it lacks from now on would be told as lost.
func (j *Journal) fail(err error) {
	first := j.file != nil
	if first {
		err = errors.Join(err, j.file.Close())
		j.file = nil
	}
	if removed := os.Remove(j.path); !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	j.retryAt = time.Now().Add(retryAfter)
	if first {
		j.log.Error("the journal cannot be written; if the agent dies now, the next run begins a session of its own", "file", j.path, "err", err)
	}
}
