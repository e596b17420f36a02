// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/text"
)

// The server's errors that have an answer here.
const (
	codeTooManyRows = 158
	codeTooSlow     = 159
	codeNoColumns   = 51
	codeReadOnly    = 164
)

// maxSaid bounds a server's error in characters.
const maxSaid = 600

// said makes one line of an error, with what to do about it where that is known. Errors quote rows, so they are made printable.
func (s *session) said(err error) error {
	switch clickhouse.Code(err) {
	case codeTooManyRows:
		return fmt.Errorf("the statement would read more rows than it may (%s unless it says more): narrow its time (closed_at, at), or allow more with --max-rows-read, or SETTINGS max_rows_to_read",
			s.settings.Get("max_rows_to_read"))
	case codeTooSlow:
		return fmt.Errorf("the statement takes longer than it may (%s s unless it says more): narrow its time (closed_at, at), or allow more with --timeout, or SETTINGS max_execution_time",
			s.settings.Get("max_execution_time"))
	case codeNoColumns:
		return errors.New("no columns: a view about a window wants its parameters, as q_timeline(from = '2026-11-23 14:00:00', to = '2026-11-23 14:05:00')")
	}
	message := err.Error()
	e := new(driver.Exception)
	switch {
	case !errors.As(err, &e) || e.Name == "":
	case e.Code == codeReadOnly && strings.Contains(e.Message, "'readonly' setting"):
		message = "readonly stays as it is: statements only read here"
	case e.Code == codeReadOnly: // the message names the profile that serves
	default:
		message = e.Message + " (" + e.Name + ")"
		if head, _, long := strings.Cut(e.Message, ": In scope "); long {
			message = head + " (" + e.Name + ")"
		}
	}
	return errors.New(text.Line(placed(message), maxSaid))
}

var position = regexp.MustCompile(`^(Syntax error.*?: failed at position )(\d+)`)

// placed moves the position of a syntax error back to where it is in the statement: the server saw it behind parseOnly.
func placed(message string) string {
	parts := position.FindStringSubmatchIndex(message)
	if parts == nil {
		return message
	}
	at, err := strconv.Atoi(message[parts[4]:parts[5]])
	if err != nil || at <= len(parseOnly) {
		return message
	}
	return message[:parts[4]] + strconv.Itoa(at-len(parseOnly)) + message[parts[5]:]
}
