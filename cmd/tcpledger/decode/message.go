// SPDX-License-Identifier: Apache-2.0

// Package decode is `tcpledger decode`: messages of tcpledger's topics as readable JSON, and dead letters back on their way.
package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"tcpledger/schema"
)

// JSON writes a message of topic as JSON with every field named, in the order of the wire. Rows of connections have their
// verdict beside their evidence, and each row its wall clock. The error is schema.ErrMalformed, with the byte.
func JSON(topic string, message []byte) ([]byte, error) {
	value, err := read(topic, message)
	if err != nil {
		return nil, err
	}
	compact, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, compact, "", "  "); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
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
func batch(b *schema.Batch) object {
	o := object{{"header", named(reflect.ValueOf(b.Header))}}
	rows := []any{}
	for i := range b.Connections {
		c := &b.Connections[i]
		rows = append(rows, row(b, schema.KindConnection, c.At, member{"verdict", named(reflect.ValueOf(schema.Decide(c)))}, *c))
	}
	for i := range b.Events {
		rows = append(rows, row(b, b.Events[i].Kind, b.Events[i].At, member{}, b.Events[i]))
	}
	for i := range b.Losses {
		rows = append(rows, row(b, schema.KindLoss, b.Losses[i].At, member{"lost", b.Losses[i].Lost()}, b.Losses[i]))
	}
	for i := range b.Checkpoints {
		rows = append(rows, row(b, schema.KindCheckpoint, b.Checkpoints[i].At, member{}, b.Checkpoints[i]))
	}
	for _, u := range b.Unknown {
		rows = append(rows, named(reflect.ValueOf(u)))
	}
	return append(o, member{"rows", rows})
}

func row(b *schema.Batch, kind schema.Kind, at uint64, more member, fields any) object {
	o := object{{"kind", kind.String()}, {"wall", time.Unix(0, b.Wall(at)).UTC().Format(time.RFC3339Nano)}}
	if more.name != "" {
		o = append(o, more)
	}
	for _, m := range named(reflect.ValueOf(fields)).(object) {
		if m.name != "kind" {
			o = append(o, m)
		}
	}
	return o
}

// MarshalJSON writes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
