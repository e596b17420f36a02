// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"context"
	"fmt"

	"tcpledger/query"
)

// Mentioned counts the endings of a service and those that a log line or span mentions. A line mentions an ending if it fits this one
// connection only.
type Mentioned struct {
	Service string `ch:"service" json:"service"` // pod, container, systemd unit or else the owner's name
	Port    uint16 `ch:"port" json:"service_port"`
	Endings uint64 `ch:"endings" json:"endings"`
	ByEnds  uint64 `ch:"by_ends" json:"by_ends"`   // that a line names by its ends
	ByPlace uint64 `ch:"by_place" json:"by_place"` // that a line of the same place and time mentions, and none names
	Unheard uint64 `ch:"unheard" json:"unheard"`   // that no line mentions
}

// Share is the share of endings that a line mentions, 0 to 1.
func (m *Mentioned) Share() float64 {
	if m.Endings == 0 {
		return 0
	}
	return float64(m.ByEnds+m.ByPlace) / float64(m.Endings)
}

// MentionedQuestion is the question of Mentioned.
func (s *Source) MentionedQuestion(w query.Window, f Filter, r Reach, top int) query.Question {
	return query.Question{Name: "endings that lines mention", SQL: fmt.Sprintf(`%s
SELECT service, port, count() AS endings, countIf(says.ends) AS by_ends, countIf(says.lines > 0 AND NOT says.ends) AS by_place, countIf(says.lines = 0) AS unheard
FROM
(
    SELECT multiIf(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), container_id != '', container_id, service != '', toString(service), toString(owner_comm)) AS service,
        service_port AS port, (toString(host), session, stream, seq) AS id
    FROM %s
    WHERE closed_at >= %s AND closed_at < %s
) AS here
LEFT JOIN
(
    SELECT id, max(how = '%s') AS ends, count() AS lines
    FROM matched ARRAY JOIN ids AS id
    WHERE candidates = 1
    GROUP BY id
) AS says ON here.id = says.id
GROUP BY service, port
ORDER BY endings DESC, service, port
LIMIT %d`, s.matchedSQL(f), s.client.Table("connections"), paramFrom, paramTo, ByEnds, top), Parameters: r.parameters(f, w)}
}

// Mentioned counts the window's endings by service, the top most frequent, with those that a line of the window mentions.
func (s *Source) Mentioned(ctx context.Context, w query.Window, f Filter, r Reach, top int) ([]Mentioned, error) {
	return asked[Mentioned](ctx, s, w, f, s.MentionedQuestion(w, f, r, top))
}

// Explained counts the lines of a service by how many endings fit them. Of a line that speaks of several connections the best
// explained one counts.
type Explained struct {
	Service     string            `ch:"service" json:"service"`
	Lines       uint64            `ch:"lines" json:"lines"`
	One         uint64            `ch:"one" json:"one_ending"`
	Several     uint64            `ch:"several" json:"several_endings"`
	Unexplained uint64            `ch:"unexplained" json:"no_ending"`
	Hows        map[string]uint64 `ch:"hows" json:"by"`         // lines with one ending, by how it was found
	Example     string            `ch:"example" json:"example"` // an unexplained line
}

// ExplainedQuestion is the question of Explained.
func (s *Source) ExplainedQuestion(w query.Window, f Filter, r Reach, top int) query.Question {
	return query.Question{Name: "lines and their endings", SQL: fmt.Sprintf(`%s
SELECT service, count() AS lines, countIf(fits = 1) AS one, countIf(fits > 1) AS several, countIf(fits = 0) AS unexplained,
    sumMapIf(map(by, toUInt64(1)), fits = 1) AS hows, minIf(said, fits = 0) AS example
FROM
(
    SELECT line, any(service) AS service, any(body) AS said, minIf(candidates, candidates > 0) AS fits, argMinIf(how, candidates, candidates > 0) AS by
    FROM matched
    GROUP BY line
)
GROUP BY service
ORDER BY unexplained DESC, lines DESC, service
LIMIT %d`, s.matchedSQL(f), top), Parameters: r.parameters(f, w)}
}

// Explained counts the window's lines by service and by how many endings fit them, the services with the most unexplained lines
// first. With f.Errors it says which errors no ending explains.
func (s *Source) Explained(ctx context.Context, w query.Window, f Filter, r Reach, top int) ([]Explained, error) {
	return asked[Explained](ctx, s, w, f, s.ExplainedQuestion(w, f, r, top))
}
