// SPDX-License-Identifier: Apache-2.0

// Package kafkaconn is how every program reaches Kafka: the flags and what kafka-go makes of them.
package kafkaconn

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/spf13/pflag"

	"tcpledger/internal/program"
	"tcpledger/internal/program/credentials"
)

const (
	dialTimeout = 10 * time.Second
	idleTimeout = 5 * time.Minute
	metadataTTL = 15 * time.Second
)

// Flags are the connection settings. Register declares them; they are read after program.Load.
type Flags struct {
	Brokers  []string // host:port each
	TLS      credentials.TLS
	User     string
	Password credentials.Password

	mechanism *string
}

// Register declares --brokers and the --kafka-… flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.Brokers, "brokers", []string{"127.0.0.1:9092"}, "Kafka brokers to start from, `host:port`; repeatable")
	f.TLS.Register(flags, "kafka", "Kafka")
	f.mechanism = program.Choice(flags, "kafka-sasl", none, "SASL `mechanism`: none, plain, scram-sha-256 or scram-sha-512",
		none, mechanismPlain, mechanismSCRAM256, mechanismSCRAM512)
	flags.StringVar(&f.User, "kafka-user", "", "SASL `user`")
	f.Password.Register(flags, "kafka", "Kafka")
}

// Transport makes the transport for a kafka.Writer or kafka.Client. The broker logs clientID and applies quotas to it. The
// transport refreshes the metadata of topics every few seconds, or of all topics of the cluster if none is named. Transport
// does not connect; an error is one of the flags. The caller calls CloseIdleConnections at the end.
func (f *Flags) Transport(clientID string, topics ...string) (*kafka.Transport, error) {
	mechanism, err := f.check()
	if err != nil {
		return nil, program.UsageError(err)
	}
	return &kafka.Transport{
		Dial:        f.dial(clientID, mechanism),
		DialTimeout: dialTimeout,
		IdleTimeout: idleTimeout,
		MetadataTTL: metadataTTL,
		ClientID:    clientID,

		MetadataTopics: topics,
	}, nil
}

// Dialer makes the dialer for a kafka.ConsumerGroup or kafka.Reader. It connects to nothing; an error is one of the flags.
func (f *Flags) Dialer(clientID string) (*kafka.Dialer, error) {
	mechanism, err := f.check()
	if err != nil {
		return nil, program.UsageError(err)
	}
	return &kafka.Dialer{
		ClientID: clientID,
		Timeout:  dialTimeout,
		DialFunc: f.dial(clientID, mechanism),
	}, nil
}

// check tries all settings without a connection.
func (f *Flags) check() (sasl.Mechanism, error) {
	if err := f.checkBrokers(); err != nil {
		return nil, err
	}
	if err := f.TLS.Check(); err != nil {
		return nil, err
	}
	return f.sasl()
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
