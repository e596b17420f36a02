// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/url"
	"time"

	"github.com/prometheus/common/model"

	"tcpledger/query"
)

// asked is what the page's URL asks for: ?from=-1h&to=now&cause=peer_reset&host=web-1&remote=10.0.0.0/8. All of it as it was
// typed.
type asked struct {
	From, To            string
	Cause, Host, Remote string
}

// maxValue bounds a value in the URL.
const maxValue = 256

func parseURL(q url.Values) asked {
	get := func(name string) string { s := q.Get(name); return s[:min(len(s), maxValue)] }
	return asked{From: get("from"), To: get("to"), Cause: get("cause"), Host: get("host"), Remote: get("remote")}
}

// problem is a value of the URL that cannot be read.
type problem struct{ Title, Text string }

// question reads what is asked at now.
func (a asked) question(now time.Time) (query.Window, query.Filter, *problem) {
	w, err := query.ParseWindow(a.From, a.To, now)
	if err != nil {
		return w, query.Filter{}, &problem{"This time cannot be shown.", err.Error()}
	}
	remote, err := query.ParseRemote(a.Remote)
	if err != nil {
		return w, query.Filter{}, &problem{"This address cannot be shown.", "remote: " + err.Error()}
	}
	return w, query.Filter{Cause: a.Cause, Host: a.Host, Remote: remote}, nil
}

// Live reports whether the window ends now, so that the page changes while one looks at it.
func (a asked) Live() bool { return a.To == "" || a.To == "now" }

// Any reports whether anything is asked beyond the last 15 minutes of everything.
func (a asked) Any() bool { return a != asked{} }

// Filtered reports whether the filter lets through less than everything.
func (a asked) Filtered() bool { return a.Cause != "" || a.Host != "" || a.Remote != "" }

// With gives the page's address with one value changed, "" for none.
func (a asked) With(name, value string) string {
	switch name {
	case "cause":
		a.Cause = value
	case "host":
		a.Host = value
	case "remote":
		a.Remote = value
	}
	return a.address()
}

func (a asked) address() string {
	if q := a.Query(); q != "" {
		return "?" + q
	}
	return "."
}

// Query is the URL's query.
func (a asked) Query() string {
	q := url.Values{}
	for name, value := range map[string]string{"from": a.From, "to": a.To, "cause": a.Cause, "host": a.Host, "remote": a.Remote} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

// between gives the address of the window from one moment to another.
func (a asked) between(from, to time.Time) string {
	a.From, a.To = from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano)
	return a.address()
}

// last gives the address of the window of that length that ends now.
func (a asked) last(length time.Duration) string {
	a.From, a.To = "", ""
	if length != query.DefaultWindow {
		a.From = "-" + model.Duration(max(length.Round(time.Second), time.Second)).String()
	}
	return a.address()
}

// links lead to the windows of the same length beside this one; "" is no link.
type links struct{ Earlier, Later, Now string }

func (a asked) links(w query.Window, now time.Time) links {
	l := links{Earlier: a.between(w.From.Add(-w.Length()), w.From)}
	if a.Live() {
		return l
	}
	l.Now = a.last(w.Length())
	if l.Later = a.between(w.To, w.To.Add(w.Length())); !w.To.Add(w.Length()).Before(now) {
		l.Later = l.Now
	}
	return l
}
