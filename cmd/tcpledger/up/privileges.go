// SPDX-License-Identifier: Apache-2.0

package up

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kernel.org/pub/linux/libs/security/libcap/cap"
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
