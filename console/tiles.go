// SPDX-License-Identifier: Apache-2.0

package console

import (
	"strconv"
	"time"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

// tile is a number at the top of the page. One whose question failed shows "?" and why.
type tile struct{ Name, Value, Note, Class string }

func tiles(a *answers, w query.Window, scope string, live bool) []tile {
	pace := paceTile(a, w, live)
	all, resets, connects := sum(a.causes.rows)
	ended := []tile{
		{"endings", text.Count(all), scope, ""},
		{"with a reset", text.Count(resets), share(resets, all), unless0(resets, "warn")},
		{"failed connects", text.Count(connects), share(connects, all), unless0(connects, "warn")},
	}
	if a.causes.err != nil {
		for i := range ended {
			ended[i] = unanswered(ended[i].Name)
		}
	}
	return append(append([]tile{pace}, ended...), lossTile(a, scope))
}

func unanswered(name string) tile { return tile{name, "?", "no answer", "bad"} }

// sum counts endings, resets and connections that never came to be.
func sum(causes []query.Group) (all, resets, connects uint64) {
	for _, g := range causes {
		all += g.Endings
		resets += g.ResetsSent + g.ResetsReceived
		if schema.Cause(g.Key[0]).Family() == schema.FamilyConnect {
			connects += g.Endings
		}
	}
	return all, resets, connects
}

// paceTile is the endings a second: of the last minute if the window ends now and its slots are short, else of the whole.
func paceTile(a *answers, w query.Window, live bool) tile {
	const name = "endings / s"
	if a.rates.err != nil {
		return unanswered(name)
	}
	since, length, note := w.From, w.Length(), "on average"
	if live && a.slot <= 10*time.Second && length >= time.Minute {
		since, length, note = w.To.Add(-time.Minute), time.Minute, "last minute"
	}
	n := uint64(0)
	for _, r := range a.rates.rows {
		if note == "on average" || r.Slot >= since.Unix() {
			n += r.Endings
		}
	}
	return tile{name, strconv.FormatFloat(float64(n)/length.Seconds(), 'f', 1, 64), note, ""}
}

// lossTile counts records that are lost; what is incomplete, made up for or left out on purpose is none.
func lossTile(a *answers, scope string) tile {
	const name = "records lost"
	if a.losses.err != nil {
		return unanswered(name)
	}
	lost := uint64(0)
	for _, l := range a.losses.rows {
		if meaning, _ := l.Explain(); meaning == schema.Lost {
			lost += l.Records
		}
	}
	return tile{name, text.Count(lost), scope, unless0(lost, "bad")}
}

func unless0(n uint64, class string) string {
	if n == 0 {
		return ""
	}
	return class
}

func share(n, of uint64) string {
	if of == 0 {
		return "of none"
	}
	return strconv.FormatFloat(100*float64(n)/float64(of), 'f', 1, 64) + " %"
}
