// SPDX-License-Identifier: Apache-2.0

// Package decode is `tcpledger decode`: messages of tcpledger's topics as readable JSON, and dead letters back on their way.
package decode

import (
	"bytes"
	"fmt"
	"reflect"
	"time"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// JSON writes a message of topic as JSON with every field named, in the order of the wire. Rows of connections have their
// verdict beside their evidence, and each row its wall clock. The error is schema.ErrMalformed, with the byte.
func JSON(topic string, message []byte) ([]byte, error) {
	value, err := read(topic, message)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = text.WriteJSON(&out, value)
	return out.Bytes(), err
}

func read(topic string, message []byte) (any, error) {
	var value any
	var err error
	switch topic {
	case schema.TopicEvents:
		var b schema.Batch
		err = schema.NewBatchDecoder().Decode(message, &b)
		value = batch(&b)
	case schema.TopicMeta:
		value, err = shown(schema.DecodeMeta(message))
	case schema.TopicSymbols:
		value, err = shown(schema.DecodeSymbols(message))
	case schema.TopicBuilds:
		value, err = shown(schema.DecodeBuild(message))
	default:
		err = fmt.Errorf("topic %q is none of tcpledger's", topic)
	}
	return value, err
}

func shown[T any](v *T, err error) (any, error) {
	return named(reflect.ValueOf(v).Elem()), err
}

// batch puts the kind, the wall clock and the verdict before each row's own fields.
func batch(b *schema.Batch) text.Object {
	o := text.Object{{Name: "header", Value: named(reflect.ValueOf(b.Header))}}
	rows := []any{}
	for i := range b.Connections {
		c := &b.Connections[i]
		rows = append(rows, row(b, schema.KindConnection, c.At, text.Field{Name: "verdict", Value: named(reflect.ValueOf(schema.Decide(c)))}, *c))
	}
	for i := range b.Events {
		rows = append(rows, row(b, b.Events[i].Kind, b.Events[i].At, text.Field{}, b.Events[i]))
	}
	for i := range b.Losses {
		rows = append(rows, row(b, schema.KindLoss, b.Losses[i].At, text.Field{Name: "lost", Value: b.Losses[i].Lost()}, b.Losses[i]))
	}
	for i := range b.Checkpoints {
		rows = append(rows, row(b, schema.KindCheckpoint, b.Checkpoints[i].At, text.Field{}, b.Checkpoints[i]))
	}
	for _, u := range b.Unknown {
		rows = append(rows, named(reflect.ValueOf(u)))
	}
	return append(o, text.Field{Name: "rows", Value: rows})
}

func row(b *schema.Batch, kind schema.Kind, at uint64, more text.Field, fields any) text.Object {
	o := text.Object{{Name: "kind", Value: kind.String()}, {Name: "wall", Value: time.Unix(0, b.Wall(at)).UTC().Format(time.RFC3339Nano)}}
	if more.Name != "" {
		o = append(o, more)
	}
	for _, m := range named(reflect.ValueOf(fields)).(text.Object) {
		if m.Name != "kind" {
			o = append(o, m)
		}
	}
	return o
}
