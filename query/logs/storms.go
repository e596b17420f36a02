// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"
	"maps"

	"tcpledger/query"
)

// Storm is a storm and how many of its endings a log line or span mentions. A line mentions an ending if it fits this one connection
// only.
type Storm struct {
	query.Storm
	Endings   uint64 `json:"endings"` // of what departed and its main factor
	Mentioned uint64 `json:"mentioned"`
}

// maxStorms bounds the storms of a window that lines are looked for, the largest first.
const maxStorms = 20

// Storms lists the window's storms with the endings that a line mentions.
func (s *Source) Storms(ctx context.Context, w query.Window, f Filter, r Reach) ([]Storm, error) {
	if !s.Found() {
		return nil, nil
	}
	found, err := s.client.Storms(ctx, w)
	if err != nil {
		return nil, err
	}
	var out []Storm
	for _, storm := range found[:min(maxStorms, len(found))] {
		heard := Storm{Storm: storm}
		if err := s.hear(ctx, &heard, f, r); err != nil {
			return nil, err
		}
		out = append(out, heard)
	}
	return out, nil
}

// hear counts the storm's endings and those that a line mentions. Without lines there is still the number of endings.
func (s *Source) hear(ctx context.Context, storm *Storm, f Filter, r Reach) error {
	w := query.Window{From: storm.Began, To: storm.Ended}
	if lines, err := s.Count(ctx, w, f); err != nil || lines.Lines > MaxLines {
		if err == nil {
			err = &TooManyError{lines.Lines, w}
		}
		return err
	}
	rows, err := query.Ask[struct {
		Endings   uint64 `ch:"endings"`
		Mentioned uint64 `ch:"mentioned"`
	}](ctx, s.client, s.stormQuestion(&storm.Storm, w, f, r))
	if err != nil || len(rows) == 0 {
		return err
	}
	storm.Endings, storm.Mentioned = rows[0].Endings, rows[0].Mentioned
	return nil
}

func (s *Source) stormQuestion(storm *query.Storm, w query.Window, f Filter, r Reach) query.Question {
	condition, parameters := storm.Made()
	maps.Copy(parameters, r.parameters(f, w))
	return query.Question{Name: "endings of a storm that lines mention", SQL: fmt.Sprintf(`%s
SELECT count() AS endings, countIf(says.lines > 0) AS mentioned
FROM
(
    SELECT (toString(host), session, stream, seq) AS id
    FROM %s
    WHERE closed_at >= %s AND closed_at < %s%s
) AS here
LEFT JOIN
(
    SELECT id, count() AS lines
    FROM matched ARRAY JOIN ids AS id
    WHERE candidates = 1
    GROUP BY id
) AS says ON here.id = says.id`, s.matchedSQL(f), s.client.Table("connections"), paramFrom, paramTo, condition), Parameters: parameters}
}
