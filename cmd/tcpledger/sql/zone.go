// SPDX-License-Identifier: Apache-2.0

package sql

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// utc is the zone of the tables' columns, and so of every answer without --tz.
const utc = "UTC"

const codeSyntax = 62

var errZone = errors.New("--tz: ClickHouse cannot take this statement as a subquery, as one with FORMAT: leave that out, or show a time with toTimeZone(closed_at, 'Europe/Berlin')")

// timeType is the type of a column that has a zone.
var timeType = regexp.MustCompile(`^(?:Nullable\()?DateTime`)

// zoneName is the name that ClickHouse knows a zone by.
func zoneName(z *text.Zone) (string, error) {
	name := z.String()
	if name == "local" {
		return "", program.UsageError(errors.New("--tz local: ClickHouse wants a name here, as Europe/Berlin"))
	}
	return name, nil
}

// zoned is a SELECT whose times are shown in the zone of the session. Columns of the tables have the zone UTC themselves, so that
// session_timezone does not show them.
func (s *session) zoned(ctx context.Context, sql string) (string, error) {
	if s.zone == utc {
		return sql, nil
	}
	times, err := s.times(ctx, sql)
	if clickhouse.Code(err) == codeSyntax {
		return "", errZone
	}
	if err != nil || len(times) == 0 {
		return sql, err
	}
	return query.InZone(sql, s.zone, times), nil
}

// times are the columns of a SELECT's answer that are times.
func (s *session) times(ctx context.Context, sql string) (names []string, err error) {
	settings := maps.Clone(s.settings)
	settings.Set("default_format", "JSONEachRow")
	answer, err := s.server.Ask(ctx, "DESCRIBE TABLE ("+sql+"\n)", settings)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Close() }() // read to its end, or given up
	for decoder := json.NewDecoder(answer); ; {
		var column struct{ Name, Type string }
		if err := decoder.Decode(&column); errors.Is(err, io.EOF) {
			return names, nil
		} else if err != nil {
			return nil, err
		}
		if timeType.MatchString(column.Type) {
			names = append(names, column.Name)
		}
	}
}
