// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/url"
	"time"

	"tcpledger/query"
)

// narrowed is what the page's URL asks for: ?cause=peer_reset&host=web-1&remote=10.0.0.0/8.
type narrowed struct {
	Cause, Host, Remote string
}

// mostValue bounds a value in the URL.
const mostValue = 256

func parseQuery(q url.Values) (narrowed, query.Filter, error) {
	n := narrowed{Cause: cut(q.Get("cause")), Host: cut(q.Get("host")), Remote: cut(q.Get("remote"))}
	remote, err := query.ParseRemote(n.Remote)
	return n, query.Filter{Cause: n.Cause, Host: n.Host, Remote: remote}, err
}

func cut(s string) string { return s[:min(len(s), mostValue)] }

// Any reports whether something is narrowed.
func (n narrowed) Any() bool { return n != narrowed{} }

// With gives the page's address with one value changed, "" for none.
func (n narrowed) With(name, value string) string {
	switch name {
	case "cause":
		n.Cause = value
	case "host":
		n.Host = value
	case "remote":
		n.Remote = value
	}
	if q := n.Query(); q != "" {
		return "?" + q
	}
	return "."
}

// Query is the URL's query.
func (n narrowed) Query() string {
	q := url.Values{}
	for name, value := range map[string]string{"cause": n.Cause, "host": n.Host, "remote": n.Remote} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// window gives f the slots that are over: a slot that is still going on would look like a fall.
func window(f query.Filter, now time.Time) query.Filter {
	f.To = now.Truncate(slot)
	f.From = f.To.Add(-slots * slot)
	return f
}
