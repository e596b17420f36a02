// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/query"
)

// hostile is a name that no picture may take for anything but text.
const hostile = "</title></svg><script>alert(1)</script>\" onload=\"x&\x1b\u202e"

func path(endings, stack uint64, symbols ...string) query.Path {
	return query.Path{StackID: stack, Symbols: symbols, Counts: query.Counts{Endings: endings}}
}

// elements reads a picture as XML and counts its elements by name.
func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	found := map[string]int{}
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err, svg)
		if e, ok := token.(xml.StartElement); ok {
			found[e.Name.Local]++
			for _, a := range e.Attr {
				require.NotRegexp(t, `^on|href|style`, a.Name.Local)
			}
		}
	}
}

func TestFlame(t *testing.T) {
	svg := string(Flame([]query.Path{path(6, 1, "tcp_reset+0x1", "tcp_rcv+0x2"), path(3, 2, "tcp_fin+0x1", "tcp_rcv+0x9"), path(1, 0), path(2, 14), path(1, 3, hostile)}))
	require.Contains(t, svg, "<title>all endings: 13, 100.0 %</title>")
	require.Contains(t, svg, "<title>tcp_rcv: 9, 69.2 %</title>", "paths share what they have in common from the outside")
	require.Contains(t, svg, "<title>tcp_reset: 6, 46.2 %</title>")
	require.Contains(t, svg, "(stack 0xe is not symbolized yet)")
	found := elements(t, svg)
	require.Equal(t, 7, found["rect"])
	require.Zero(t, found["script"])
	require.Empty(t, Flame(nil))
}

func TestFlameLeavesOutWhatNobodyCanSee(t *testing.T) {
	svg := string(Flame([]query.Path{path(1_000_000, 1, "wide"), path(1, 2, "narrow")}))
	require.NotContains(t, svg, "narrow")
}

func TestTimeline(t *testing.T) {
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	w := query.Window{From: from, To: from.Add(5 * time.Minute)}
	rates := []query.Rate{{Slot: from.Unix(), Cause: "peer_reset", Endings: 50}, {Slot: from.Unix() + 5, Cause: hostile, Endings: 1}}
	svg := string(Timeline(rates, w, SlotOf(w), time.UTC))
	found := elements(t, svg)
	require.Equal(t, 4, found["rect"], "two bars, two keys")
	require.Zero(t, found["script"])
	require.Contains(t, svg, `fill="`+Colour("peer_reset")+`"`)
	require.Contains(t, svg, ">14:05</text>")
	require.Equal(t, svg, string(Timeline(rates, w, SlotOf(w), time.UTC)))
}

func TestSparks(t *testing.T) {
	from := time.Date(2026, 11, 2, 14, 0, 0, 0, time.UTC)
	w := query.Window{From: from, To: from.Add(5 * time.Second)}
	at := func(second int64, cause string, n uint64) query.Rate {
		return query.Rate{Slot: from.Unix() + second, Cause: cause, Endings: n}
	}
	require.Equal(t, []Spark{{"peer_reset", 800, from.Unix() + 2, "·▁█▄·"}, {"unheard_of", 1, from.Unix() + 4, "····█"}},
		Sparks([]query.Rate{at(1, "peer_reset", 1), at(2, "peer_reset", 800), at(3, "peer_reset", 400), at(4, "unheard_of", 1), at(5, "peer_reset", 9)}, w, time.Second))
	require.Empty(t, Sparks(nil, w, time.Second))
}
