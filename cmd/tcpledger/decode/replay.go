// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"tcpledger/internal/judge"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/query"
)

// One send has at most so many messages and about so many bytes.
const (
	sendMessages = 100
	sendBytes    = 4 << 20
	writeTimeout = 30 * time.Second
)

func (o *options) runReplay(cmd *cobra.Command, now time.Time) (err error) {
	w, err := o.window(now)
	if err != nil {
		return program.UsageError(err)
	}
	db, err := o.clickhouse.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Supported(cmd.Context()); err != nil {
		return err
	}
	send := func(context.Context, []kafka.Message) error { return nil }
	if o.apply {
		transport, err := o.kafka.Transport("tcpledger-decode")
		if err != nil {
			return err
		}
		writer := &kafka.Writer{Addr: kafka.TCP(o.kafka.Brokers...), Transport: transport, RequiredAcks: kafka.RequireAll,
			Balancer: &kafka.Murmur2Balancer{}, BatchSize: sendMessages, BatchBytes: 2 * sendBytes, BatchTimeout: time.Millisecond,
			WriteTimeout: writeTimeout}
		defer func() { err = errors.Join(err, writer.Close()) }()
		send = func(ctx context.Context, m []kafka.Message) error { return writer.WriteMessages(ctx, m...) }
	}
	r := newReplay(now, send)
	if err := r.all(cmd.Context(), query.New(db, db.Name, 0), w, o.host); err != nil {
		return err
	}
	return r.report(cmd.OutOrStdout(), o.apply)
}

// window is that of --from and --to: everything that arrived before now if neither is given.
func (o *options) window(now time.Time) (query.Window, error) {
	w, err := query.ParseWindow(o.from, o.to, now)
	if err != nil {
		return w, errors.New("--" + err.Error())
	}
	if o.from == "" {
		w.From = time.Unix(0, 0)
	}
	return w, nil
}

// replay goes over dead letters and sends those that an ingester of this version would store whole if they came now.
type replay struct {
	judge   *judge.Judge
	now     time.Time
	send    func(context.Context, []kafka.Message) error
	pending []kafka.Message
	bytes   int
	order   []group
	groups  map[group]*tally
}

func newReplay(now time.Time, send func(context.Context, []kafka.Message) error) *replay {
	return &replay{judge: judge.New(), now: now, send: send, groups: map[group]*tally{}}
}

type group struct{ topic, reason string }

// maxGroups bounds the lines of the report: a reason may hold the byte at which a message went wrong.
const maxGroups = 40

type tally struct {
	letters, understood int
	still               string // why one is not understood
}

func (r *replay) all(ctx context.Context, client *query.Client, w query.Window, host string) error {
	for letter, err := range client.DeadLetters(ctx, w, query.Filter{Host: host}) {
		if err != nil {
			return err
		}
		if err := r.one(ctx, letter); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

func (r *replay) one(ctx context.Context, l *query.DeadLetter) error {
	g := group{l.Topic, l.Reason}
	t, ok := r.groups[g]
	if !ok && len(r.groups) >= maxGroups {
		g.reason = "other reasons"
		t, ok = r.groups[g]
	}
	if !ok {
		t = &tally{}
		r.groups[g], r.order = t, append(r.order, g)
	}
	t.letters++
	claim := &judge.Message{Topic: l.Topic, Key: []byte(l.Key), Value: []byte(l.Message), Time: r.now}
	if reject := r.judge.Reject(claim); reject.Any() {
		t.still = reject.String()
		return nil
	}
	t.understood++
	r.pending = append(r.pending, kafka.Message{Topic: l.Topic, Key: []byte(l.Key), Value: []byte(l.Message)})
	r.bytes += len(l.Message)
	if len(r.pending) >= sendMessages || r.bytes >= sendBytes {
		return r.flush(ctx)
	}
	return nil
}

func (r *replay) flush(ctx context.Context) error {
	if len(r.pending) > 0 {
		if err := r.send(ctx, r.pending); err != nil {
			return fmt.Errorf("send dead letters again (run it again: nothing is counted twice): %w", err)
		}
	}
	r.pending, r.bytes = r.pending[:0], 0
	return nil
}

func (r *replay) report(out io.Writer, applied bool) error {
	letters, understood := 0, 0
	t := text.NewTable(0, []string{"TOPIC", "DEAD LETTERS", "UNDERSTOOD", "WHY THEN", "WHY STILL"}, 1, 4, 5)
	for _, g := range r.order {
		n := r.groups[g]
		letters, understood = letters+n.letters, understood+n.understood
		t.Row(g.topic, n.letters, n.understood, text.Printable(g.reason), text.Printable(n.still))
	}
	if letters == 0 {
		_, err := fmt.Fprintln(out, "no dead letters")
		return err
	}
	last := fmt.Sprintf("%d of %d dead letters are understood; --apply sends them to their topics", understood, letters)
	if applied {
		last = fmt.Sprintf("%d of %d dead letters were sent to their topics", understood, letters)
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s\n", t.String(), last)
	return err
}
