// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tcpledger/ingester/consume"
	"tcpledger/schema"
)

// Offsets that Kafka deleted before they were read are a dead letter: nobody knows whose numbers they held.
func TestDeletedOffsetsAreADeadLetter(t *testing.T) {
	h := newHandler(newMetrics(prometheus.NewRegistry()))
	set := h.rows(&consume.Message{Topic: schema.TopicEvents, Partition: 3, Offset: 70, Last: 79, Unreadable: consume.ErrDeleted}, time.Now())
	require.Len(t, set.DeadLetters, 1)
	letter := set.DeadLetters[0]
	require.Equal(t, "unreadable: offsets 70 to 79: deleted before they were read", letter.Reason)
	require.Equal(t, int64(70), letter.Offset)
	require.Empty(t, letter.Ranges)
	require.Empty(t, set.Losses)
}
