// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"

	"tcpledger/internal/text"
	lines "tcpledger/query/logs"
)

// evidence lists the rows of the story.
func (t *tale) evidence(s *lines.Story) {
	if len(s.Threads) == 0 {
		return
	}
	table := text.NewTable(0, []string{"EVIDENCE", "ENDED", "CAUSE", "FIRST", "RESET", "LOCAL", "REMOTE", "SESSION", "STREAM", "SEQ"}, 1, 2, 3, 4, 5, 6, 7)
	row := func(r *lines.Row) {
		table.Row(text.Line(r.Host, maxName), t.at(r.ClosedAt), text.Line(r.Cause, maxName), text.Line(r.Initiator, maxName), text.Line(r.Reset, maxName),
			r.Local().String(), r.Remote().String(), fmt.Sprint(r.Session), fmt.Sprint(r.Stream), fmt.Sprint(r.Seq))
	}
	for i := range s.Threads {
		row(&s.Threads[i].Row)
		if other := s.Threads[i].Other; other != nil {
			row(other)
		}
	}
	t.say("\n%s\n", table)
}
