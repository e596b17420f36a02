// SPDX-License-Identifier: Apache-2.0

package apachekafka

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/port"
	"tcpledger/internal/program/kafkaconn"
)

// SessionLifetime bounds a session of a login (connections.max.reauth.ms): the broker closes a connection that sends a request later
// than that after its last login.
const SessionLifetime = 2 * time.Second

const (
	user     = "ledger"
	password = "hunter2"
)

// Login returns the settings of a program that reaches the listener with the sessions.
func (b *Broker) Login() *kafkaconn.Flags {
	b.t.Helper()
	return b.flags(b.sasl, "--kafka-sasl", "scram-sha-256", "--kafka-user", user, "--kafka-password", password)
}

// Secure returns the settings of a program that logs in over TLS, with plain or scram-sha-256.
func (b *Broker) Secure(mechanism string) *kafkaconn.Flags {
	b.t.Helper()
	return b.flags(b.secure, "--kafka-sasl", mechanism, "--kafka-user", user, "--kafka-password", password, "--kafka-tls", "--kafka-tls-ca", b.Authority.CertFile)
}

// Mutual returns the settings of a program that shows the certificate of these files.
func (b *Broker) Mutual(cert, key string) *kafkaconn.Flags {
	b.t.Helper()
	return b.flags(b.mutual, "--kafka-tls", "--kafka-tls-ca", b.Authority.CertFile, "--kafka-tls-cert", cert, "--kafka-tls-key", key)
}

func (b *Broker) flags(at int, args ...string) *kafkaconn.Flags {
	b.t.Helper()
	flags, set := new(kafkaconn.Flags), pflag.NewFlagSet("login", pflag.ContinueOnError)
	flags.Register(set)
	require.NoError(b.t, set.Parse(append(args, "--brokers", port.Join(at))))
	return flags
}

// guarded are the listeners that want a login or a certificate.
func (b *Broker) guarded() string {
	return fmt.Sprintf("SASL://127.0.0.1:%d,SECURE://127.0.0.1:%d,MUTUAL://127.0.0.1:%d", b.sasl, b.secure, b.mutual)
}

// writeKeys writes the broker's certificate and key into one file, and the authority of its clients into another.
func (b *Broker) writeKeys() {
	b.t.Helper()
	cert, err := os.ReadFile(b.Authority.CertFile)
	require.NoError(b.t, err)
	key, err := os.ReadFile(b.Authority.KeyFile)
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(b.file("keys.pem"), append(key, cert...), 0o600))
	require.NoError(b.t, os.WriteFile(b.file("authority.pem"), cert, 0o600))
}

// logins are the properties of the guarded listeners.
func (b *Broker) logins() string {
	const scram = "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
	lines := []string{
		fmt.Sprintf("connections.max.reauth.ms=%d", SessionLifetime.Milliseconds()),
		"listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256",
		"listener.name.sasl.scram-sha-256." + scram,
		"listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN",
		"listener.name.secure.scram-sha-256." + scram,
		fmt.Sprintf("listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=\"%s\";", user, password),
		"listener.name.mutual.ssl.client.auth=required",
		"listener.name.mutual.ssl.truststore.type=PEM",
		"listener.name.mutual.ssl.truststore.location=" + b.file("authority.pem"),
	}
	for _, listener := range []string{"secure", "mutual"} {
		lines = append(lines, "listener.name."+listener+".ssl.keystore.type=PEM", "listener.name."+listener+".ssl.keystore.location="+b.file("keys.pem"))
	}
	return strings.Join(lines, "\n")
}
