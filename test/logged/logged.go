// SPDX-License-Identifier: Apache-2.0

// Package logged keeps what a program writes while a test reads it.
package logged

import (
	"strings"
	"sync"
)

// Text is an io.Writer for any number of goroutines. Its zero value is empty.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends b. It never fails.
func (t *Text) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

// String gives all that was written so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Count says how often part was written so far.
func (t *Text) Count(part string) int { return strings.Count(t.String(), part) }
