// SPDX-License-Identifier: Apache-2.0

package download

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// Progress shows how far something big has come: a bar on a terminal; elsewhere, as in a log, one line at the start and one at
// the end.
type Progress struct {
	out   io.Writer
	what  string
	total int64
	bar   *progressbar.ProgressBar // nil if out is no terminal
}

// NewProgress shows on out the progress of what, which has total bytes.
func NewProgress(out io.Writer, what string, total int64) *Progress {
	p := &Progress{out: out, what: what, total: total}
	if file, ok := out.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		return p
	}
	p.line("…")
	return p
}

// Write counts text as progress.
func (p *Progress) Write(text []byte) (int, error) {
	if p.bar != nil {
		_ = p.bar.Add(len(text)) // nothing fails for a bar that cannot be drawn
	}
	return len(text), nil
}

// Watch shows the size of the files below dir until stop is closed. It leaves the end to Done: a file may lie there twice for a
// moment.
func (p *Progress) Watch(dir string, stop <-chan struct{}) {
	if p.bar == nil {
		return
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			_ = p.bar.Set64(min(sizeBelow(dir), p.total-1))
		}
	}
}

// Done says that everything is there.
func (p *Progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	p.line(", done")
}

// line writes one line. Nothing fails because it cannot be written.
func (p *Progress) line(state string) {
	_, _ = fmt.Fprintf(p.out, "%s (%d MB)%s\n", p.what, p.total/1e6, state)
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
