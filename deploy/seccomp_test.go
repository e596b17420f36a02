// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/stretchr/testify/require"
)

// underSeccomp names the profile that this test binary shall take on before it becomes the program of its arguments.
const underSeccomp = "TCPLEDGER_TEST_SECCOMP"

// profile is what a container runtime reads of a seccomp profile.
type profile struct {
	DefaultAction string `json:"defaultAction"`
	Syscalls      []struct {
		Names  []string `json:"names"`
		Action string   `json:"action"`
	} `json:"syscalls"`
}

// confine takes the profile on, less one call, and becomes the program. It returns an error or not at all.
func confine(path, less string, program []string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var p profile
	if err := json.Unmarshal(content, &p); err != nil {
		return err
	}
	if p.DefaultAction != "SCMP_ACT_ERRNO" {
		return fmt.Errorf("the default action is %s", p.DefaultAction)
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	var names []string
	for _, group := range p.Syscalls {
		for _, name := range group.Names {
			if _, known := info.SyscallNames[name]; known && name != less && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	filter := seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{{Action: seccomp.ActionAllow, Names: names}}}}
	if err := seccomp.LoadFilter(filter); err != nil {
		return err
	}
	return syscall.Exec(program[0], program, nil)
}

// The agent loads, attaches, reads and prints under the profile, and says in one line that a profile forbids it to.
func TestAgentRunsUnderTheSeccompProfile(t *testing.T) {
	needKernel(t)
	run := func(t *testing.T, less string, arguments ...string) (string, error) {
		t.Helper()
		list := setprivList(append(granted(t), natCapabilities(t)...))
		words := append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + list, "--ambient-caps=" + list, "--bounding-set=" + list,
			readable(t, os.Args[0]), program(t, "tcpledger-agent")}, arguments...)
		command := exec.CommandContext(t.Context(), "setpriv", words...)
		command.Dir = "/"
		command.Env = []string{underSeccomp + "=" + readable(t, "agent-seccomp.json"), underSeccomp + "_LESS=" + less}
		var output bytes.Buffer
		command.Stdout, command.Stderr = &output, &output
		err := command.Run()
		return output.String(), err
	}
	output, err := run(t, "", "--stdout", "--stacks", "--duration=3s", "--listen=127.0.0.1:0", "--nat")
	require.NoError(t, err, output)
	require.Contains(t, output, "watching")
	require.NotContains(t, output, "WARN")

	output, err = run(t, "bpf", "--check", "--listen=")
	require.Error(t, err)
	require.Contains(t, output, "a seccomp profile refuses it although the capabilities are there")
	require.Equal(t, 1, bytes.Count([]byte(output), []byte("\n")), output)
}

// readable is a copy of a file that every user may read and start.
func readable(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	copied, err := os.CreateTemp(built, "")
	require.NoError(t, err)
	_, err = copied.Write(content)
	require.NoError(t, err)
	require.NoError(t, copied.Chmod(0o755))
	require.NoError(t, copied.Close())
	return copied.Name()
}
