// SPDX-License-Identifier: Apache-2.0

// Package kafkaconn is how every program reaches Kafka: the flags and what kafka-go makes of them.
package kafkaconn

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/spf13/pflag"

	"tcpledger/internal/program"
)

const (
	dialTimeout = 10 * time.Second
	idleTimeout = 5 * time.Minute
	metadataTTL = 15 * time.Second
)

// Flags are the connection settings. Register declares them; they are read after program.Load.
type Flags struct {
	Brokers  []string // host:port each
	TLS      bool
	CA       string // PEM file; "" for the system's
	Cert     string // PEM file of a client certificate, with Key
	Key      string
	User     string
	Password string

	mechanism *string
}

// Register declares --brokers and the --kafka-… flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.Brokers, "brokers", []string{"127.0.0.1:9092"}, "Kafka brokers to start from, `host:port`; repeatable")
	flags.BoolVar(&f.TLS, "kafka-tls", false, "speak TLS with Kafka")
	flags.StringVar(&f.CA, "kafka-tls-ca", "", "PEM `file` with the authorities that Kafka's certificate may come from (default: the system's)")
	flags.StringVar(&f.Cert, "kafka-tls-cert", "", "PEM `file` with the client certificate")
	flags.StringVar(&f.Key, "kafka-tls-key", "", "PEM `file` with the client certificate's key")
	f.mechanism = program.Choice(flags, "kafka-sasl", "none", "SASL `mechanism`: none, plain, scram-sha-256 or scram-sha-512",
		"none", "plain", "scram-sha-256", "scram-sha-512")
	flags.StringVar(&f.User, "kafka-user", "", "SASL `user`")
	flags.StringVar(&f.Password, "kafka-password", "", "SASL `password`; better given by TCPLEDGER_KAFKA_PASSWORD than on the command line")
	program.MarkSecret(flags, "kafka-password")
}

// Transport makes the transport for a kafka.Writer or kafka.Client; clientID is what the broker logs and quotas by. topics
// are those that it is for: every few seconds it asks where they are, and without any it asks for all of the cluster's. It
// connects to nothing; an error is one of the flags. The caller calls CloseIdleConnections at the end.
func (f *Flags) Transport(clientID string, topics ...string) (*kafka.Transport, error) {
	secure, mechanism, err := f.build()
	if err != nil {
		return nil, err
	}
	return &kafka.Transport{
		DialTimeout: dialTimeout,
		IdleTimeout: idleTimeout,
		MetadataTTL: metadataTTL,
		ClientID:    clientID,
		TLS:         secure,
		SASL:        mechanism,

		MetadataTopics: topics,
	}, nil
}

// Dialer makes the dialer for a kafka.ConsumerGroup or kafka.Reader. It connects to nothing; an error is one of the flags.
func (f *Flags) Dialer(clientID string) (*kafka.Dialer, error) {
	secure, mechanism, err := f.build()
	if err != nil {
		return nil, err
	}
	return &kafka.Dialer{
		ClientID:      clientID,
		Timeout:       dialTimeout,
		DualStack:     true,
		TLS:           secure,
		SASLMechanism: mechanism,
	}, nil
}

func (f *Flags) build() (*tls.Config, sasl.Mechanism, error) {
	if err := f.checkBrokers(); err != nil {
		return nil, nil, program.UsageError(err)
	}
	secure, err := f.tls()
	if err != nil {
		return nil, nil, program.UsageError(err)
	}
	mechanism, err := f.sasl()
	if err != nil {
		return nil, nil, program.UsageError(err)
	}
	return secure, mechanism, nil
}

func (f *Flags) checkBrokers() error {
	if len(f.Brokers) == 0 {
		return errors.New("--brokers: want at least one host:port")
	}
	for _, broker := range f.Brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil {
			return fmt.Errorf("--brokers: %w", err)
		}
		if n, err := strconv.ParseUint(port, 10, 16); host == "" || err != nil || n == 0 {
			return fmt.Errorf("--brokers %s: a host and a port from 1 to 65535 expected", broker)
		}
	}
	return nil
}

// tls is nil without --kafka-tls. A TLS setting without it is an error: silently ignored, it would send all in the clear.
func (f *Flags) tls() (*tls.Config, error) {
	if !f.TLS {
		if f.CA != "" || f.Cert != "" || f.Key != "" {
			return nil, errors.New("--kafka-tls-ca, --kafka-tls-cert and --kafka-tls-key want --kafka-tls")
		}
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("--kafka-tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--kafka-tls-ca: %s holds no PEM certificate", f.CA)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("--kafka-tls-cert and --kafka-tls-key go together")
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("--kafka-tls-cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// sasl is nil without a mechanism.
func (f *Flags) sasl() (sasl.Mechanism, error) {
	mechanism := "none"
	if f.mechanism != nil {
		mechanism = *f.mechanism
	}
	if (mechanism == "none") != (f.User == "") {
		return nil, errors.New("--kafka-user and --kafka-sasl go together")
	}
	switch mechanism {
	case "plain":
		return plain.Mechanism{Username: f.User, Password: f.Password}, nil
	case "scram-sha-256":
		return f.scram(scram.SHA256)
	case "scram-sha-512":
		return f.scram(scram.SHA512)
	}
	return nil, nil
}

func (f *Flags) scram(algorithm scram.Algorithm) (sasl.Mechanism, error) {
	mechanism, err := scram.Mechanism(algorithm, f.User, f.Password)
	if err != nil {
		return nil, fmt.Errorf("--kafka-password: %w", err)
	}
	return mechanism, nil
}
