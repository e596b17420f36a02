// SPDX-License-Identifier: Apache-2.0

package kafkaconn_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"tcpledger/internal/program/credentials/credentialstest"
	"tcpledger/test/wait"
)

// describe asks over a new connection of the transport that lives as long as the program.
func describe(t *testing.T, transport *kafka.Transport, address string) error {
	t.Helper()
	transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
	defer cancel()
	client := kafka.Client{Addr: kafka.TCP(address), Transport: transport}
	_, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
	return err
}

// The broker's certificate, its authority, the client's certificate and the authority that the broker takes it from change
// while the program runs.
func TestCertificatesRotateWithoutARestart(t *testing.T) {
	oldServer, oldClient, newServer, newClient := credentialstest.New(t), credentialstest.New(t), credentialstest.New(t), credentialstest.New(t)
	var server atomic.Pointer[tls.Config]
	takes := func(s, client credentialstest.Identity) {
		server.Store(&tls.Config{Certificates: []tls.Certificate{s.Pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: client.Pool(t)})
	}
	takes(oldServer, oldClient)
	address := broker(t, kfake.TLS(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return server.Load(), nil }}))

	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	oldServer.Write(t, ca, os.DevNull)
	oldClient.Write(t, cert, key)
	f := flags(t, "--brokers", address, "--kafka-tls", "--kafka-tls-ca", ca, "--kafka-tls-cert", cert, "--kafka-tls-key", key)
	transport, err := f.Transport("tcpledger-probe")
	require.NoError(t, err)
	defer transport.CloseIdleConnections()
	dialer, err := f.Dialer("tcpledger-probe")
	require.NoError(t, err)
	require.NoError(t, describe(t, transport, address))

	takes(newServer, newClient)
	require.Error(t, describe(t, transport, address), "the files are still the old ones")
	newServer.Write(t, ca, os.DevNull)
	newClient.Write(t, cert, key)
	require.NoError(t, describe(t, transport, address), "the files are read again")
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}

func TestPasswordRotatesWithoutARestart(t *testing.T) {
	address := broker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "admin", "root"), kfake.Superuser("SCRAM-SHA-256", "agent", "one"))
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("one\n"), 0o600))
	f := flags(t, "--brokers", address, "--kafka-sasl", "scram-sha-256", "--kafka-user", "agent", "--kafka-password-file", file)
	transport, err := f.Transport("tcpledger-probe")
	require.NoError(t, err)
	defer transport.CloseIdleConnections()
	require.NoError(t, describe(t, transport, address))

	salted(t, address, "agent", "two")
	require.Error(t, describe(t, transport, address), "the file still holds the old one")
	require.NoError(t, os.WriteFile(file, []byte("two\r\nwhat follows the first line does not count\n"), 0o600))
	require.NoError(t, describe(t, transport, address), "the file is read again")
}

// salted gives a user of the broker another SCRAM password, as kafka-configs does.
func salted(t *testing.T, address, user, password string) {
	t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.SASL(plain.Auth{User: "admin", Pass: "root"}.AsMechanism()))
	require.NoError(t, err)
	defer admin.Close()
	salt := []byte("grains of it")
	hash, err := pbkdf2.Key(sha256.New, password, salt, 4096, sha256.Size)
	require.NoError(t, err)
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	request.Upsertions = []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{{Name: user, Mechanism: 1, Iterations: 4096, Salt: salt, SaltedPassword: hash}}
	response, err := request.RequestWith(t.Context(), admin)
	require.NoError(t, err)
	require.Len(t, response.Results, 1)
	require.Zero(t, response.Results[0].ErrorCode)
}
