// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/confine"
)

// agentNeeds are the capabilities without which the agent loads nothing.
var agentNeeds = []cap.Value{cap.BPF, cap.PERFMON}

// checkPrivileges makes sure that the agent will be able to load its programs, and names the command if it will not.
func (o *Options) checkPrivileges() error {
	if o.NoAgent {
		return nil
	}
	root := os.Geteuid() == 0
	inherits, err := agentInherits(root)
	if err != nil {
		return err
	}
	switch {
	case inherits || !root && o.agentHasFileCapabilities():
		return nil
	case root:
		return errors.New("the agent needs CAP_BPF and CAP_PERFMON, which this root lacks (a container?): grant them, or use --no-agent")
	default:
		return fmt.Errorf("the agent needs CAP_BPF and CAP_PERFMON (and CAP_SYSLOG for symbols): run `sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep %s`, or use --no-agent",
			o.agentPath())
	}
}

// agentInherits tells whether a program without capabilities of its own gets what the agent needs: from root the effective
// ones, from anybody else the ambient ones.
func agentInherits(root bool) (bool, error) {
	own, err := cap.GetPID(0)
	if err != nil {
		return false, fmt.Errorf("reading this process's capabilities: %w", err)
	}
	for _, need := range agentNeeds {
		has, err := cap.GetAmbient(need)
		if root {
			has, err = own.GetFlag(cap.Effective, need)
		}
		if err != nil {
			return false, fmt.Errorf("reading this process's capabilities: %w", err)
		}
		if !has {
			return false, nil
		}
	}
	return true, nil
}

func (o *Options) agentPath() string { return filepath.Join(filepath.Dir(o.Exe), agentProgram) }

// agentHasFileCapabilities tells whether the agent's file brings what it needs.
func (o *Options) agentHasFileCapabilities() bool {
	file, err := cap.GetFile(o.agentPath())
	if err != nil {
		return false // it has none, which the library reports as an error
	}
	for _, need := range agentNeeds {
		if has, err := file.GetFlag(cap.Permitted, need); err != nil || !has {
			return false
		}
	}
	return true
}

// checkConfinement makes sure that the embedded ClickHouse can be confined: anybody on this machine may ask it to read and write
// files, and web pages may not ask it at all. It returns what a person should know if it is confined less than it could be.
func (o *Options) checkConfinement(ctx context.Context) (notes []string, err error) {
	if err := confine.Supported(); err != nil {
		switch {
		case confine.OwnUser() != 0:
			notes = append(notes, fmt.Sprintf("%v: the embedded ClickHouse is confined by its own user alone", err))
		case o.UnconfinedEngine:
			notes = append(notes, fmt.Sprintf("%v: everybody on this machine can read and write your files through the embedded ClickHouse", err))
		default:
			return nil, fmt.Errorf("%w: everybody on this machine could read and write your files through the embedded ClickHouse. Run as root (the engine then gets a user of its own), or accept it with --unconfined-engine", err)
		}
	}
	if err := clickhouse.CanClose(ctx, o.Exe); err != nil {
		if !o.UnconfinedEngine {
			return nil, fmt.Errorf("%w. Allow user namespaces (sysctl user.max_user_namespaces), run as root, or accept it with --unconfined-engine", err)
		}
		notes = append(notes, err.Error())
	}
	return notes, nil
}
