// SPDX-License-Identifier: Apache-2.0

package postmortem

import (
	"context"
	"slices"
	"strings"

	"tcpledger/console/picture"
	"tcpledger/internal/report"
	"tcpledger/query"
)

// maxDrawn is how many code paths the flame graph is made of, the most frequent.
const maxDrawn = 1000

func byPath(ctx context.Context, a *asked) (report.Section, error) {
	paths, err := a.client.Paths(ctx, a.Window, a.Filter, max(a.Top, maxDrawn))
	if err != nil || len(paths) == 0 {
		return report.Section{}, err
	}
	t := report.Table{Columns: slices.Concat(report.Numbers("endings", "median"), report.Words("causes", "innermost first"))}
	shown := paths[:min(len(paths), a.Top)]
	for i := range shown {
		p := &shown[i]
		t.Rows = append(t.Rows, []string{dot(p.Endings), median(&p.Counts), causeList(&p.Counts), innermost(p)})
	}
	t.More = beyond(paths[0].Groups, len(shown))
	return report.Section{Data: shown, Picture: picture.Flame(paths), Tables: []report.Table{t}}, nil
}

// maxFrames is as many functions of a path as a line has room for; the outermost is always shown.
const maxFrames = 5

// innermost writes a path as people read it: the function that ended the connection first.
func innermost(p *query.Path) string {
	frames := picture.Stack(p)
	slices.Reverse(frames)
	if len(frames) > maxFrames {
		frames = slices.Concat(frames[:maxFrames-1], []string{"…"}, frames[len(frames)-1:])
	}
	return strings.Join(frames, " < ")
}
