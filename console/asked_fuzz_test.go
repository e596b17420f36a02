// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whatever stands in the page's URL: it is a problem to show or a question, it comes back from its own address, and the
// links beside it lead to questions.
func FuzzURL(f *testing.F) {
	f.Add("")
	f.Add("from=-1h&to=14%3A00&cause=peer_reset&host=web-1&remote=10.0.0.0%2F8")
	f.Add("from=2026-11-02T14%3A00%3A00Z&to=now&remote=%3A%3A1")
	f.Add("from=-2y&from=x&%zz=1;host=%ff")
	f.Add("from=0001-01-01T00:00:00Z&to=0001-06-01T00:00:00Z")
	f.Add("from=0000-01-01T00:00:00Z&to=now")
	f.Add("from=-99999h")
	now := time.Date(2026, 11, 2, 14, 15, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		q, _ := url.ParseQuery(text) // the server goes on with what it could read, too
		a := parseURL(q)
		again, err := url.ParseQuery(a.Query())
		require.NoError(t, err)
		require.Equal(t, a, parseURL(again))
		w, _, bad := a.question(now)
		if bad != nil {
			require.NotEmpty(t, bad.Title)
			require.NotEmpty(t, bad.Text)
			return
		}
		require.True(t, w.From.Before(w.To))
		for _, link := range []string{a.links(w, now).Earlier, a.links(w, now).Later} {
			if link == "" {
				continue
			}
			q, err := url.ParseQuery(strings.TrimPrefix(link, "?"))
			require.NoError(t, err)
			beside, _, bad := parseURL(q).question(now)
			require.Nil(t, bad, link)
			require.Equal(t, a.Host, parseURL(q).Host)
			require.True(t, beside.From.Before(beside.To))
		}
	})
}
