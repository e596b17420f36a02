// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// ReadingAtMost returns a client whose questions are refused, before they begin, if they would read more rows than that.
func (c *Client) ReadingAtMost(rows uint64) *Client {
	bounded := *c
	bounded.maxRead = rows
	return &bounded
}

// TooLargeError says that a question asks for more than the client's bounds allow.
type TooLargeError struct {
	Question string
	Bound    string // what it would have gone over
	Err      error  // the server's
}

// Error says what to do before it says what the server said.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("ask %s: it takes more than %s: ask for a shorter window (--from, --to), one --host or one --remote: %v", e.Question, e.Bound, e.Err)
}

// Unwrap is the server's own error.
func (e *TooLargeError) Unwrap() error { return e.Err }

// The server's codes of a bound.
const (
	codeTooManyRows  = 158
	codeTimeout      = 159
	codeMemory       = 241
	codeTooManyBytes = 307
	codeResultLimit  = 396
)

// failed names the question whose error that is, and says how to ask for less if it went over a bound.
func (c *Client) failed(q Question, err error) error {
	bounds := map[int32]string{
		codeTooManyRows:  text.Count(c.maxRead) + " rows",
		codeTimeout:      c.maxTime.Round(time.Second).String(),
		codeMemory:       "the server's memory",
		codeTooManyBytes: "the server's bytes to read",
		codeResultLimit:  text.Count(maxRows) + " rows of answer",
	}
	var e *clickhouse.Exception
	if errors.As(err, &e) && bounds[e.Code] != "" {
		return &TooLargeError{q.Name, bounds[e.Code], err}
	}
	if e != nil && schema.Damaged(e.Code) {
		return fmt.Errorf("ask %s: %s: %w", q.Name, schema.DamageHint, err)
	}
	return fmt.Errorf("ask %s: %w", q.Name, err)
}
