// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/judge"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

// One send has at most so many messages and about so many bytes.
const (
	sendMessages = 100
	sendBytes    = 4 << 20
	writeTimeout = 30 * time.Second
)

func (o *options) runReplay(cmd *cobra.Command, now time.Time) (err error) {
	w, err := o.replayed(now)
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
	mark := func(context.Context, []query.DeadLetter) error { return nil }
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
		mark = func(ctx context.Context, l []query.DeadLetter) error { return markReplayed(ctx, db, l, now) }
	}
	r := newReplay(now, send, mark)
	if err := r.all(cmd.Context(), query.New(db, db.Name, 0), w, o.host); err != nil {
		return err
	}
	return r.report(cmd.OutOrStdout(), o.apply)
}

// replayed is the window of --from and --to: everything that arrived before now if neither is given.
func (o *options) replayed(now time.Time) (query.Window, error) {
	w, err := o.window.Window(now)
	if err != nil {
		return w, err
	}
	if o.window.From == "" {
		w.From = time.Unix(0, 0)
	}
	return w, nil
}

// replay goes over dead letters and sends those that an ingester of this version would store whole if they came now.
type replay struct {
	judge   *judge.Judge
	now     time.Time
	send    func(context.Context, []kafka.Message) error
	mark    func(context.Context, []query.DeadLetter) error
	pending []query.DeadLetter
	bytes   int
	order   []group
	groups  map[group]*tally
}

func newReplay(now time.Time, send func(context.Context, []kafka.Message) error, mark func(context.Context, []query.DeadLetter) error) *replay {
	return &replay{judge: judge.New(), now: now, send: send, mark: mark, groups: map[group]*tally{}}
}

type group struct{ topic, reason string }

// maxGroups bounds the lines of the report: a reason may hold the byte at which a message went wrong.
const maxGroups = 40

type tally struct {
	letters, understood, replayed int
	still                         string // why one is not understood
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
	if l.ReplayedAt != nil {
		t.replayed++
		return nil
	}
	claim := &judge.Message{Topic: l.Topic, Key: []byte(l.Key), Value: []byte(l.Message), Time: r.now}
	if reject := r.judge.Reject(claim); reject.Any() {
		t.still = reject.String()
		return nil
	}
	t.understood++
	r.pending = append(r.pending, *l)
	r.bytes += len(l.Message)
	if len(r.pending) >= sendMessages || r.bytes >= sendBytes {
		return r.flush(ctx)
	}
	return nil
}

// flush sends the pending letters and marks them. A letter that was sent and not marked is sent again by the next run: the tables
// keep its rows once.
func (r *replay) flush(ctx context.Context) error {
	if len(r.pending) > 0 {
		messages := make([]kafka.Message, len(r.pending))
		for i, l := range r.pending {
			messages[i] = kafka.Message{Topic: l.Topic, Key: []byte(l.Key), Value: []byte(l.Message)}
		}
		if err := r.send(ctx, messages); err != nil {
			return fmt.Errorf("send dead letters again (run it again: nothing is counted twice): %w", err)
		}
		if err := r.mark(ctx, r.pending); err != nil {
			return fmt.Errorf("mark the dead letters that were sent (run it again: nothing is counted twice): %w", err)
		}
	}
	r.pending, r.bytes = r.pending[:0], 0
	return nil
}

// markReplayed writes the letters back with the time at which they were sent.
func markReplayed(ctx context.Context, db *clickhouse.DB, letters []query.DeadLetter, now time.Time) error {
	ctx = driver.Context(ctx, driver.WithSettings(driver.Settings{"async_insert": 0}))
	var names []string
	for _, c := range schema.DeadLetters().Inserted() {
		names = append(names, c.Name)
	}
	batch, err := db.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO %s.%s (%s)", db.Name, schema.DeadLetters().Name, strings.Join(names, ", ")))
	if err != nil {
		return err
	}
	for i := range letters {
		letters[i].ReplayedAt = &now
		if err := batch.AppendStruct(&letters[i]); err != nil {
			return errors.Join(err, batch.Abort())
		}
	}
	return batch.Send()
}

func (r *replay) report(out io.Writer, applied bool) error {
	letters, understood, replayed := 0, 0, 0
	t := text.NewTable(0, []string{"TOPIC", "DEAD LETTERS", "UNDERSTOOD", "WHY THEN", "WHY STILL"}, 1, 4, 5)
	for _, g := range r.order {
		n := r.groups[g]
		letters, understood, replayed = letters+n.letters, understood+n.understood, replayed+n.replayed
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
	if replayed > 0 {
		last += fmt.Sprintf("; %d were sent before", replayed)
	}
	_, err := fmt.Fprintf(out, "%s\n\n%s\n", t.String(), last)
	return err
}
