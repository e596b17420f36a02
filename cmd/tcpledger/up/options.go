// SPDX-License-Identifier: Apache-2.0

// Package up runs the whole of tcpledger on one machine: embedded Kafka and ClickHouse, ingester, console and agent.
package up

import (
	"io"
	"os"
	"path/filepath"
	"time"

	"tcpledger/internal/devstack/port"
)

// Options says what runs where.
type Options struct {
	// Data holds kafka/, clickhouse/ and log/.
	Data string
	// The ports, all on 127.0.0.1.
	KafkaPort, ClickHousePort, ClickHouseHTTPPort, ConsolePort, AgentPort, IngesterPort int
	// NoAgent captures nothing: the rest runs on what is there and what other agents send.
	NoAgent bool
	// UnconfinedEngine runs the embedded ClickHouse also where nothing confines it or keeps web pages from it.
	UnconfinedEngine bool
	// Enable and Disable are passed on to the agent.
	Enable, Disable []string
	// Out gets what a person should know, a line each.
	Out io.Writer
	// Exe is this program, with the hidden commands; the agent and the ingester lie beside it. Empty is the running one.
	Exe string

	// notes are what check found that a person should know.
	notes []string
	// stopWithin replaces each service's time for a clean end; 0 leaves it.
	stopWithin time.Duration
}

// stack has the addresses of a running stack, each "127.0.0.1:port"; Agent is empty without one.
type stack struct {
	Kafka, ClickHouse, ClickHouseHTTP, Console, Agent, Ingester string
}

// stack returns the addresses that the options ask for.
func (o *Options) stack() stack {
	s := stack{Kafka: port.Join(o.KafkaPort), ClickHouse: port.Join(o.ClickHousePort), ClickHouseHTTP: port.Join(o.ClickHouseHTTPPort),
		Console: port.Join(o.ConsolePort), Ingester: port.Join(o.IngesterPort)}
	if !o.NoAgent {
		s.Agent = port.Join(o.AgentPort)
	}
	return s
}

// defaultData is ${XDG_DATA_HOME:-$HOME/.local/share}/tcpledger.
func defaultData() string {
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return filepath.Join(base, "tcpledger")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "tcpledger-data"
	}
	return filepath.Join(home, ".local", "share", "tcpledger")
}
