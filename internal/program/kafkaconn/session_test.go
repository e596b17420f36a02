// SPDX-License-Identifier: Apache-2.0

package kafkaconn_test

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// over is longer than a session.
const over = 1200 * time.Millisecond

// sessionBroker is a Kafka whose sessions last for a second; its address and the logins so far.
func sessionBroker(t *testing.T) (string, *atomic.Int64) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "root"),
		kfake.Superuser("SCRAM-SHA-256", "agent", "one"), kfake.BrokerConfigs(map[string]string{"connections.max.reauth.ms": "1000"}))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	logins := &atomic.Int64{}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLHandshake}, Observe: true, Count: -1, When: func(kmsg.Request) bool {
		logins.Add(1)
		return true
	}})
	return cluster.ListenAddrs()[0], logins
}

// TestLogsInAgain: a session that the broker bounds logs in again over its connection, with the password of that moment. The
// broker here does not close what is over; ingester/consume and agent/publish have the same on Apache Kafka.
func TestLogsInAgain(t *testing.T) {
	address, logins := sessionBroker(t)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("one"), 0o600))
	dialer, err := flags(t, "--brokers", address, "--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password-file", file).Dialer("probe")
	require.NoError(t, err)
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }() // kafka-go has closed it after the error at the end
	ask := func() error {
		_, err := conn.Brokers()
		return err
	}

	require.NoError(t, ask())
	require.Equal(t, int64(1), logins.Load())
	time.Sleep(over)
	require.NoError(t, ask())
	require.NoError(t, ask())
	require.Equal(t, int64(2), logins.Load(), "one login for a lifetime")

	salted(t, address, "agent", "two")
	require.NoError(t, os.WriteFile(file, []byte("two"), 0o600))
	before := logins.Load()
	time.Sleep(over)
	require.NoError(t, ask(), "the file is read again")
	require.Equal(t, before+1, logins.Load())

	require.NoError(t, os.WriteFile(file, []byte("wrong"), 0o600))
	time.Sleep(over)
	require.ErrorContains(t, ask(), "log in again")
}

// TestASessionKeepsTheDeadlinesOfItsUser: a login has its own deadlines, and gives the user's back.
func TestASessionKeepsTheDeadlinesOfItsUser(t *testing.T) {
	address, logins := sessionBroker(t)
	transport, err := flags(t, "--brokers", address, "--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password", "one").Transport("probe")
	require.NoError(t, err)
	conn, err := transport.Dial(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	time.Sleep(over)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err = conn.Write([]byte{0, 0}) // the session logs in, then half a length is on its way
	require.NoError(t, err)
	require.Equal(t, int64(2), logins.Load())
	began := time.Now()
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Less(t, time.Since(began), time.Second)
}
