// SPDX-License-Identifier: Apache-2.0

package consume

import (
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/kafka/kafkatest"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }

// The broker is killed and comes back, twice: no message is missing, and what was committed is not read again once a later
// generation began.
func TestBrokerIsKilled(t *testing.T) {
	broker := kafkatest.New(t)
	brokers := []string{broker.Addr()}
	kafkatest.Topic(t, broker.Addr(), "t", 2)
	c, lines := newConsumer(t, brokers, "g", "t")
	g := next(t, c)
	seen := map[string]bool{}
	for round := range 3 {
		for i := range 10 {
			send(t, brokers, "t", kafka.Message{Value: []byte(strconv.Itoa(10*round + i))})
		}
		deadline := time.After(maxWait)
		for len(seen) < 10*(round+1) {
			select {
			case m := <-g.Messages():
				seen[string(m.Value)] = true
				_ = g.Commit(map[string]map[int]int64{m.Topic: {m.Partition: m.Offset + 1}}) // refused after a kill: read again
			case <-g.Ended().Done():
				g = next(t, c)
			case <-deadline:
				require.FailNow(t, "messages are missing", "%d of %d: %s", len(seen), 10*(round+1), lines.String())
			}
		}
		broker.Kill9()
		broker.Restart()
	}
}
