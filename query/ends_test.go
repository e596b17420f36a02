// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"time"

	"tcpledger/query"
)

// flatPair is a pair as a script shows it.
type flatPair struct {
	ClosedAt   *time.Time `ch:"closed_at"`
	Host       string     `ch:"host"`
	Role       string     `ch:"side"`
	Local      string     `ch:"local"`
	Remote     string     `ch:"remote"`
	Cause      string     `ch:"cause"`
	Candidates uint64     `ch:"candidates"`
	FoundBy    string     `ch:"found_by"`
	OtherHost  string     `ch:"other"`
	OtherEnded *time.Time `ch:"other_closed_at"`
	OtherLocal string     `ch:"other_local"`
	OtherCause string     `ch:"other_cause"`
	First      string     `ch:"first"`
	ApartUS    *int64     `ch:"apart_us"`
	ErrorUS    uint64     `ch:"error_us"`
	Verdict    string     `ch:"verdict"`
	Between    bool       `ch:"between"`
}

func flat(pairs []query.Pair) []flatPair {
	var out []flatPair
	for _, p := range pairs {
		out = append(out, flatPair{p.This.ClosedAt, p.This.Host, p.Role, p.This.Local, p.This.Remote, p.This.Cause, p.Candidates, p.FoundBy,
			p.Other.Host, p.Other.ClosedAt, p.Other.Local, p.Other.Cause, p.First, p.ApartUS, p.ErrorUS, p.Verdict, p.Between})
	}
	return out
}

func (a *ask) seconds() time.Duration { return time.Duration(a.around) * time.Second }

func ends(ctx context.Context, c *query.Client, a ask) ([]flatPair, error) {
	pairs, err := c.BothEnds(ctx, a.window, a.filter, a.seconds(), a.top)
	return flat(pairs), err
}

// endsOf asks for each connection of the window alone.
func endsOf(ctx context.Context, c *query.Client, a ask) ([]flatPair, error) {
	pairs, err := c.BothEnds(ctx, a.window, a.filter, a.seconds(), a.top)
	var out []flatPair
	for i := 0; err == nil && i < len(pairs); i++ {
		var found []query.Pair
		found, err = c.EndsOf(ctx, pairs[i].This.RowID, *pairs[i].This.ClosedAt, a.seconds(), a.top)
		out = append(out, flat(found)...)
	}
	return out, err
}

func between(ctx context.Context, c *query.Client, a ask) ([]flatPair, error) {
	pairs, err := c.ResetsBetween(ctx, a.window, a.filter, a.seconds(), a.top)
	return flat(pairs), err
}

func verdicts(ctx context.Context, c *query.Client, a ask) ([]query.PairGroup, error) {
	return c.PairVerdicts(ctx, a.window, a.filter, a.seconds(), a.top)
}
