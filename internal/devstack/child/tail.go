// SPDX-License-Identifier: Apache-2.0

package child

import (
	"io"
	"strings"
	"sync"
)

const (
	tailBytes = 4 << 10
	tailLines = 12
)

// tail passes on what is written and remembers the end of it.
type tail struct {
	mu   sync.Mutex
	next io.Writer
	kept []byte
}

// Write never fails because of next: a full disk must not stop the child's output pipe.
func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, text...)
	if extra := len(t.kept) - tailBytes; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	if t.next != nil {
		_, _ = t.next.Write(text)
	}
	return len(text), nil
}

// String is the last lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.kept)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
