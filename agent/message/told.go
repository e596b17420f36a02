// SPDX-License-Identifier: Apache-2.0

package message

import (
	"fmt"

	"tcpledger/schema"
)

// maxTold bounds the loss rows of one message, so that it stays far below the brokers' limit.
const maxTold = 2_000

// Told makes the messages that tell losses of h's session, which need not be this one. Their times are by h's clock. A message has
// the losses of one day: an ingester refuses one that spans many.
func Told(h *schema.Header, losses []schema.Loss) ([]Message, error) {
	var out []Message
	for len(losses) > 0 {
		n := 1
		for n < len(losses) && n < maxTold && day(h, &losses[n]) == day(h, &losses[0]) {
			n++
		}
		m, err := told(h, losses[:n])
		if err != nil {
			return nil, err
		}
		out, losses = append(out, m), losses[n:]
	}
	return out, nil
}

func day(h *schema.Header, l *schema.Loss) int64 { return h.Wall(l.At) / (24 * 3600e9) }

func told(h *schema.Header, losses []schema.Loss) (Message, error) {
	rows := schema.NewBatchEncoder()
	for i := range losses {
		rows.AddLoss(&losses[i])
	}
	m := Message{Topic: schema.TopicEvents, Key: []byte(h.Host), Records: len(losses), Losses: losses, At: losses[0].At}
	head := *h
	head.Number = 0 // no batch of the run
	var err error
	if m.Value, _, err = rows.Finish(&head); err != nil {
		return Message{}, fmt.Errorf("encode losses: %w", err)
	}
	return m, nil
}
