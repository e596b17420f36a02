// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"

	"tcpledger/agent/spool"
)

// noSpool is the value of --spool that keeps everything in memory.
const noSpool = "none"

// spoolDir is the spool's folder, "" for none. systemd gives a service with StateDirectory= one in its environment, or several.
func (o *options) spoolDir() string {
	switch o.spool.Dir {
	case noSpool:
		return ""
	case "":
		state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
		if state == "" {
			return ""
		}
		return filepath.Join(state, "spool")
	}
	return o.spool.Dir
}

// openSpool gives the spool, nil for none. A spool that cannot be used is said, and the agent goes on without: it watches all the same.
func (a *agent) openSpool() *spool.Spool {
	limits := a.options.spool
	limits.Dir = a.options.spoolDir()
	if limits.Dir == "" {
		a.log.Info("no spool: while Kafka is away, records wait in memory only; --spool names a folder for them")
		return nil
	}
	s, err := spool.Open(spool.Config{Limits: limits, Host: a.options.hostID, Log: a.log, Registry: a.registry})
	if err != nil {
		a.log.Warn("the spool cannot be used: while Kafka is away, records wait in memory only", "err", err)
		return nil
	}
	return s
}

// closeSpool gives the folder up.
func (a *agent) closeSpool() error {
	if a.spool == nil {
		return nil
	}
	return a.spool.Close()
}
