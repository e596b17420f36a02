// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"strings"

	"tcpledger/query"
)

// View is a question as a view with the parameters from and to.
type View struct{ Name, Doc, SQL string }

// Views are the questions as views, for the tables as they are now and for this reach. They are made on demand only: the tables of
// lines are not tcpledger's.
func (s *Source) Views(r Reach) []View {
	var none query.Window
	beside := fmt.Sprintf("%s\nSELECT id.1 AS host, id.2 AS session, id.3 AS stream, id.4 AS seq, %s, relation, how, candidates, off_us\nFROM matched ARRAY JOIN ids AS id",
		s.matchedSQL(Filter{}), strings.ReplaceAll(lineColumns, "host AS line_host", "matched.host AS line_host"))
	views := []View{
		{"lines_connections", "The connections behind each log line and span, from one time to another", s.BehindQuestion(none, Filter{}, r, 0).SQL},
		{"connections_lines", "The log lines and spans beside each connection, from one time to another", beside},
		{"lines_mentioned", "Endings by service, with those that a line mentions, from one time to another", s.MentionedQuestion(none, Filter{}, r, 0).SQL},
		{"lines_explained", "Lines by service, with those that an ending explains, from one time to another", s.ExplainedQuestion(none, Filter{}, r, 0).SQL},
	}
	reach := r.parameters(Filter{}, none)
	for i := range views {
		sql := strings.TrimSuffix(views[i].SQL, "\nLIMIT 0")
		for _, name := range []string{"lag", "life", "near"} {
			sql = strings.ReplaceAll(sql, "{"+name+":UInt64}", reach[name])
		}
		views[i].SQL = fmt.Sprintf("CREATE OR REPLACE VIEW %s AS\n%s", s.client.Table(views[i].Name), sql)
	}
	return views
}
