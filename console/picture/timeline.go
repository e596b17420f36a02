// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"html/template"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
)

// drawn writes a picture from its template, which escapes every text.
func drawn(t *template.Template, of any) template.HTML {
	var b strings.Builder
	if err := t.Execute(&b, of); err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error()))
	}
	return template.HTML(b.String())
}

func parsed(name, body string) *template.Template {
	return template.Must(template.New(name).Funcs(template.FuncMap{"colour": Colour, "plain": text.Printable, "add": func(a, b int) int { return a + b }}).Parse(body))
}

// The timeline's own units.
const (
	timelineWidth = 1200
	plotLeft      = 50
	plotHeight    = 160
	legendStep    = 190
	legendRow     = 18
)

// timeline is a chart with places for its texts.
type timeline struct {
	Chart
	Width, Height, Left, Plot int
	Scale                     float64 // from the chart's units to the plot's width
	Marks                     []mark
	Keys                      []key
}

// mark is a time under the chart.
type mark struct {
	X      int
	Anchor string
	Text   string
}

// key is a line of the legend.
type key struct {
	X, Y int
	Legend
}

var timelineTemplate = parsed("timeline", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" role="img" aria-label="endings a second by cause">
<text x="0" y="10">{{.Top}}/s</text><text x="0" y="{{.Plot}}">0</text>
<svg x="{{.Left}}" y="0" width="{{printf "%.2f" .Scale}}" height="{{.Plot}}" viewBox="0 0 {{.Chart.Width}} {{.Chart.Height}}" preserveAspectRatio="none">
{{- range .Bars}}
<rect fill="{{colour .Cause}}" x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="{{.H}}"><title>{{plain .Title}}</title></rect>
{{- end}}
</svg>
{{- range .Marks}}
<text x="{{.X}}" y="{{add $.Plot 14}}" text-anchor="{{.Anchor}}">{{.Text}}</text>
{{- end}}
{{- range .Keys}}
<rect fill="{{colour .Cause}}" x="{{.X}}" y="{{add .Y -9}}" width="10" height="10"/><text x="{{add .X 14}}" y="{{.Y}}">{{plain .Cause}} {{.Count}}</text>
{{- end}}
</svg>`)

// Timeline draws the endings of the window a second by cause. The rates are counted in slots of that length; its times are in zone.
func Timeline(rates []query.Rate, w query.Window, slot time.Duration, zone *time.Location) template.HTML {
	t := timeline{Chart: NewChart(rates, w, slot, zone), Width: timelineWidth, Left: plotLeft, Plot: plotHeight, Scale: timelineWidth - plotLeft}
	for i, tick := range t.Ticks {
		m := mark{plotLeft + i*(timelineWidth-plotLeft)/(len(t.Ticks)-1), "middle", tick}
		switch i {
		case 0:
			m.Anchor = "start"
		case len(t.Ticks) - 1:
			m.Anchor = "end"
		}
		t.Marks = append(t.Marks, m)
	}
	const columns = (timelineWidth - plotLeft) / legendStep
	for i, l := range t.Legend {
		t.Keys = append(t.Keys, key{plotLeft + i%columns*legendStep, plotHeight + 40 + i/columns*legendRow, l})
	}
	t.Height = plotHeight + 32 + (len(t.Keys)+columns-1)/columns*legendRow
	return drawn(timelineTemplate, t)
}
