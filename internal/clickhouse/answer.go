// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// answer is the body of a response. A server that fails after it began to answer writes a mark, with a tag that no row can know, and
// the error behind it.
type answer struct {
	body io.ReadCloser
	tag  string // "" if the server has none
	held []byte // read and not given out: it may be the beginning of the mark
	err  error  // what ends the answer
}

// mark is what stands between the rows and an error.
func (a *answer) mark() []byte { return []byte("\r\n__exception__\r\n" + a.tag + "\r\n") }

// Read gives the rows and keeps back as many bytes as a mark has.
func (a *answer) Read(p []byte) (int, error) {
	mark := a.mark()
	for a.err == nil && len(a.held) <= len(mark) {
		chunk := make([]byte, 32<<10)
		n, err := a.body.Read(chunk)
		if err != nil && !errors.Is(err, io.EOF) {
			err = fmt.Errorf("the answer ended in the middle: %w", err)
		}
		a.held, a.err = append(a.held, chunk[:n]...), err
		if before, after, failed := bytes.Cut(a.held, mark); failed && a.tag != "" {
			a.held, a.err = before, a.failure(after)
		}
	}
	ready := len(a.held)
	if a.err == nil {
		ready -= len(mark)
	}
	if ready == 0 && a.err != nil {
		return 0, a.err
	}
	n := copy(p, a.held[:ready])
	a.held = a.held[n:]
	return n, nil
}

// failure reads the error behind a mark: its text, then a line with its length and the tag, and the mark's name again.
func (a *answer) failure(begun []byte) error {
	rest, err := io.ReadAll(io.LimitReader(a.body, maxException)) // the server cuts the connection here
	text := slices.Concat(begun, rest)
	if i := bytes.LastIndex(text, []byte(" "+a.tag)); i >= 0 {
		text = text[:bytes.LastIndexByte(text[:i], '\n')+1]
	}
	if len(text) == 0 {
		return errors.Join(errors.New("the server failed in the middle of its answer"), err)
	}
	return exception(string(text))
}

// Close ends the answer; the server gives a statement up that is still running.
func (a *answer) Close() error { return a.body.Close() }
