// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program/credentials/credentialstest"
)

// terminate takes TLS in front of an engine's native port and passes the plain bytes on, each connection with the
// certificate of that moment. It returns its address.
func terminate(t *testing.T, engine string, certificate *atomic.Pointer[tls.Certificate]) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	go func() {
		for {
			client, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go relay(client, engine)
			}
		}
	}()
	return listener.Addr().String()
}

func relay(client net.Conn, engine string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", engine)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// The certificate of ClickHouse and its authority change while the program runs.
func TestCertificatesRotateWithoutARestart(t *testing.T) {
	engine, _ := clickhousetest.Start(t)
	before, after := credentialstest.New(t), credentialstest.New(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(&before.Pair)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	before.Write(t, ca, os.DevNull)
	f := parsed(t, "--clickhouse", terminate(t, engine, &now), "--clickhouse-tls", "--clickhouse-tls-ca", ca)

	options, err := f.Native()
	require.NoError(t, err)
	handles := make(chan *DB, 3) // made at the start, each connects when it is first used
	for range cap(handles) {
		db, err := f.Open()
		require.NoError(t, err)
		handles <- db
	}
	both := func() error {
		db := <-handles
		return errors.Join(db.Ping(t.Context()), db.Close(), insertless(t, options))
	}
	require.NoError(t, both())
	now.Store(&after.Pair)
	require.Error(t, both(), "the authority is still the old one")
	after.Write(t, ca, os.DevNull)
	require.NoError(t, both(), "the file is read again")
}

// insertless makes a connection for inserts with options of the program's start.
func insertless(t *testing.T, options *Native) error {
	t.Helper()
	client, err := options.Dial(t.Context())
	if err != nil {
		return err
	}
	return errors.Join(client.Ping(t.Context()), client.Close())
}

// The password in the file changes while the program runs: the next connection of either kind logs in with the new one.
func TestPasswordRotatesWithoutARestart(t *testing.T) {
	options := clickhousetest.Options(t)
	directory := filepath.Join(options.DataDir, "users.d")
	require.NoError(t, os.MkdirAll(directory, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "agent.xml"), []byte(`<clickhouse><users><rotated><password>new</password>
		<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></rotated></users></clickhouse>`), 0o644))
	server := clickhousetest.StartAt(t, options)
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("old\n"), 0o600))
	f := parsed(t, "--clickhouse", server.Addr(), "--clickhouse-user", "rotated", "--clickhouse-password-file", file, "--clickhouse-allow-plaintext-password")

	native, err := f.Native()
	require.NoError(t, err)
	db, err := f.Open()
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	both := func() error { return errors.Join(db.Ping(t.Context()), insertless(t, native)) }
	require.EqualValues(t, 516, Code(both()), "the file still holds the old one")
	require.NoError(t, os.WriteFile(file, []byte("new\n"), 0o600))
	require.NoError(t, both(), "the file is read again")
}
