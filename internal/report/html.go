// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"tcpledger/internal/text"
)

//go:embed report.html
var page string

//go:embed report.css
var style string

// document is a report as its template reads it.
type document struct {
	*Report
	SQL    bool
	Style  template.CSS
	Policy string
}

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"plain": text.Printable, "lines": lines, "more": more, "join": strings.Join,
}).Parse(page))

// Shown lists the sections that have something for people.
func (d *document) Shown() []*Section {
	var out []*Section
	for i := range d.Sections {
		if d.Sections[i].shown() {
			out = append(out, &d.Sections[i])
		}
	}
	return out
}

// Heading is the section's title, or its name if it has none.
func (s *Section) Heading() string { return s.heading() }

// Why says why the section has no answer.
func (s *Section) Why() string { return s.why() }

// writeHTML writes one file that needs no other. Its policy allows its own style alone: no script, no image, no address.
func (r *Report) writeHTML(w io.Writer, l Layout) error {
	hash := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"
	return pageTemplate.Execute(w, &document{r, l.SQL, template.CSS(style), policy})
}
