// SPDX-License-Identifier: Apache-2.0

package topicid

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"
)

func ask(t *testing.T, options ...kfake.Opt) (map[string]string, error) {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(3), kfake.SeedTopics(5, "a", "b"))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return Ask(t.Context(), transport, kafka.TCP(cluster.ListenAddrs()...), []string{"a", "b", "none"})
}

func TestAsk(t *testing.T) {
	ids, err := ask(t)
	require.NoError(t, err)
	require.Len(t, ids, 2)
	require.Len(t, ids["a"], 32)
	require.NotEqual(t, ids["a"], ids["b"])
}

// A broker older than the ids has none, which is no error.
func TestOldBroker(t *testing.T) {
	ids, err := ask(t, kfake.MaxVersions(kversion.V2_7_0()))
	require.NoError(t, err)
	require.Empty(t, ids)
}

// Whatever the answer holds, reading it ends and allocates no more than its bytes.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 2, 'a'})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if out, err := parse(answer); err == nil {
			require.LessOrEqual(t, len(out.byName), len(answer))
		}
		_ = knowsIDs(answer)
	})
}
