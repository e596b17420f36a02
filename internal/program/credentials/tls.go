// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

const dialTimeout = 10 * time.Second

// A peer that answers nothing, not even with a reset, is given up after silence: keepalive finds it while the connection is
// idle, TCP_USER_TIMEOUT while data waits for its acknowledgement.
const silence = 10 * time.Second

var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 4 * time.Second, Interval: 2 * time.Second, Count: 3}

// TLS says whether and how a program speaks TLS with one peer. Register declares the flags; the zero value is plain TCP.
//
// prometheus/common's config.NewTLSConfig does the same from the same files. It brings 16 packages with it (JWT, OAuth2,
// HTTP/2) and 4.5 MB into the agent, which runs on every host, and does not read the authorities again; so these lines stay.
type TLS struct {
	On   bool
	CA   string // PEM file with the authorities; "" for the system's
	Cert string // PEM file with the client certificate, with Key
	Key  string

	prefix string // of the flags, "kafka-tls"
}

// Register declares --NAME-tls, --NAME-tls-ca, --NAME-tls-cert and --NAME-tls-key; peer is what the texts call the peer.
func (t *TLS) Register(flags *pflag.FlagSet, name, peer string) {
	t.prefix = name + "-tls"
	flags.BoolVar(&t.On, t.prefix, false, "speak TLS with "+peer)
	flags.StringVar(&t.CA, t.prefix+"-ca", "", "PEM `file` with the authorities that may sign "+peer+"'s certificate (default: the system's); read again for every connection")
	flags.StringVar(&t.Cert, t.prefix+"-cert", "", "PEM `file` with the client certificate; read again for every connection")
	flags.StringVar(&t.Key, t.prefix+"-key", "", "PEM `file` with the client certificate's key; read again for every connection")
}

// Check reads the files and names the flag of what is wrong. A TLS setting without TLS is an error: silently ignored, it
// would send everything in the clear.
func (t *TLS) Check() error {
	if !t.On {
		if t.CA != "" || t.Cert != "" || t.Key != "" {
			return fmt.Errorf("--%[1]s-ca, --%[1]s-cert and --%[1]s-key want --%[1]s", t.prefix)
		}
		return nil
	}
	_, err := t.config("")
	return err
}

// Dial connects to address (host:port), with TLS if it is on. It has the form that kafka-go wants.
func (t *TLS) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: keepAlive, Control: giveUpOnSilence}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil || !t.On {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	config, err := t.config(host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS with %s: %w", address, err), conn.Close())
	}
	return secure, nil
}

// DialContext makes a TLS the dialer that ch-go wants.
func (t *TLS) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return t.Dial(ctx, network, address)
}

// config reads the files as they are now.
func (t *TLS) config(host string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("--%s-ca: %w", t.prefix, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--%s-ca: %s holds no PEM certificate", t.prefix, t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, fmt.Errorf("--%[1]s-cert and --%[1]s-key go together", t.prefix)
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("--%s-cert: %w", t.prefix, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// giveUpOnSilence sets TCP_USER_TIMEOUT on a connection that is being made.
func giveUpOnSilence(_, _ string, raw syscall.RawConn) error {
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}
