// SPDX-License-Identifier: Apache-2.0

package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// Limits bound the spool.
type Limits struct {
	// Dir is the spool's folder; "" for none.
	Dir string
	// Bytes is about the most that it takes on disk.
	Bytes text.Size
}

const (
	minBytes = text.Size(16 << 20)
	// metaShare is the part of the bytes that the meta topic's messages may take: stacks are few.
	metaShare = 16
)

// Bounds are the bounds of the limits in words, by flag.
func Bounds() map[string]string {
	least := minBytes
	return map[string]string{"spool-bytes": fmt.Sprintf("at least %s", &least)}
}

// DefaultLimits are the limits without flags. An hour at 20,000 records a second is 13.5 GiB (BenchmarkPut: 202 bytes a record), a day at 245 a second 4.
func DefaultLimits() Limits { return Limits{Bytes: 4 << 30} }

// Validate refuses a spool that is too small; the error names the flag.
func (l *Limits) Validate() error {
	if l.Bytes < minBytes {
		return fmt.Errorf("--spool-bytes %s: %s", &l.Bytes, Bounds()["spool-bytes"])
	}
	return nil
}

// Config has all that a Spool needs. Host is the key of every message.
type Config struct {
	Limits
	Host     string
	Log      *slog.Logger
	Registry prometheus.Registerer
}

// Spool is the folder: a queue for each topic, and the lock that keeps other agents away.
type Spool struct {
	records *Queue
	meta    *Queue
	lock    *os.File
}

// Open takes the folder, which it makes if it is missing, and finds what an earlier run left. Another agent that has the folder is
// an error; so is a folder that cannot be written.
func Open(c Config) (*Spool, error) {
	s := &Spool{}
	if err := s.open(&c); err != nil {
		return nil, errors.Join(fmt.Errorf("spool %s: %w", c.Dir, err), s.Close())
	}
	return s, nil
}

func (s *Spool) open(c *Config) (err error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lock(c.Dir); err != nil {
		return err
	}
	m := newMetrics(c.Registry)
	m.limit.Set(float64(c.Bytes))
	metaBytes := int64(c.Bytes) / metaShare
	if s.records, err = openQueue(c, schema.TopicEvents, int64(c.Bytes)-metaBytes, m); err != nil {
		return err
	}
	s.meta, err = openQueue(c, schema.TopicMeta, metaBytes, m)
	return err
}

// Of gives the queue of a topic.
func (s *Spool) Of(topic string) *Queue {
	if topic == schema.TopicMeta {
		return s.meta
	}
	return s.records
}

// Sync makes all that was put in outlive a power cut.
func (s *Spool) Sync() error { return errors.Join(s.records.Sync(), s.meta.Sync()) }

// Close syncs and gives the folder up.
func (s *Spool) Close() error {
	var err error
	for _, q := range []*Queue{s.records, s.meta} {
		if q != nil {
			err = errors.Join(err, q.close())
		}
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// lock takes the folder for this process, until the file is closed or the process ends.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errors.New("another agent has it" + holder(file))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := file.Truncate(0); err == nil { // who has it is for people only: a full disk is no reason to go without the spool
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return file, nil
}

func holder(file *os.File) string {
	b := make([]byte, 32)
	n, _ := file.ReadAt(b, 0)
	if _, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err != nil {
		return ""
	}
	return " (process " + strings.TrimSpace(string(b[:n])) + ")"
}
