// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
)

// Progress tells a person how far something big has come: one line that grows on a terminal, a line every tenth elsewhere.
type Progress struct {
	out      io.Writer
	what     string
	total    int64
	step     int64 // percent between two messages
	shown    int64
	terminal bool
}

// NewProgress reports on what, which has total bytes, to out.
func NewProgress(out io.Writer, what string, total int64) *Progress {
	p := &Progress{out: out, what: what, total: max(total, 1), step: 10, shown: -1}
	if file, ok := out.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		p.terminal, p.step = true, 1
	}
	return p
}

// Set says that done bytes of the total are there.
func (p *Progress) Set(done int64) {
	percent := min(done*100/p.total, 100) / p.step * p.step
	if percent <= p.shown {
		return
	}
	p.shown = percent
	start, end := "", "\n"
	if p.terminal {
		start = "\r"
		if percent < 100 {
			end = ""
		}
	}
	// Nobody is to fail for a progress line that cannot be written.
	_, _ = fmt.Fprintf(p.out, "%s%s: %d of %d MB (%d%%)%s", start, p.what, min(done, p.total)/1e6, p.total/1e6, percent, end)
}

// Done says that everything is there.
func (p *Progress) Done() { p.Set(p.total) }

type counter struct {
	progress *Progress
	done     int64
}

func (c *counter) Write(text []byte) (int, error) {
	c.done += int64(len(text))
	c.progress.Set(c.done)
	return len(text), nil
}

// Counter returns a writer that adds what is written to it to the progress.
func (p *Progress) Counter() io.Writer { return &counter{progress: p} }

// Watch reports the size of the files below dir until stop is closed.
func (p *Progress) Watch(dir string, stop <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			// What is downloaded now counts; it may also lie there twice for a moment, so 100 is left to Done.
			p.Set(min(sizeBelow(dir), p.total*99/100))
		}
	}
}

func sizeBelow(dir string) int64 {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		// Files come and go while they are downloaded: one that cannot be looked at counts nothing.
		if err == nil && !entry.IsDir() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}
