// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcpledger/test/wait"
)

// granted gives the capabilities that the unit gives to the agent.
func granted(t *testing.T) []string {
	t.Helper()
	settings := unit(t)
	require.Len(t, settings["AmbientCapabilities"], 1)
	require.Equal(t, settings["AmbientCapabilities"], settings["CapabilityBoundingSet"])
	return strings.Fields(settings["AmbientCapabilities"][0])
}

// setprivList spells capabilities as setpriv takes them: "-all,+bpf".
func setprivList(capabilities []string) string {
	list := "-all"
	for _, c := range capabilities {
		list += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	return list
}

// ordinary runs the agent's --check as the user nobody, with the limits that setpriv is told. It builds everything: the
// kernel side is loaded and attached for a moment, for real. A second setpriv in between makes the first one's exec lose
// root's capabilities, as a container's process for an ordinary user never had them; privileges are its words.
func ordinary(t *testing.T, binary string, limits []string, privileges ...string) (string, error) {
	t.Helper()
	arguments := append([]string{"--reuid=65534", "--regid=65534", "--clear-groups"}, limits...)
	arguments = append(append(arguments, "setpriv"), privileges...)
	arguments = append(arguments, binary, "--check", "--listen=127.0.0.1:0")
	command := exec.CommandContext(t.Context(), "setpriv", arguments...)
	command.Dir = "/"
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	return output.String(), err
}

// needKernel skips if the agent could not run for anybody, unless `make test` says that it must.
func needKernel(t *testing.T) {
	t.Helper()
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	if os.Geteuid() == 0 && err == nil || os.Getenv("TCPLEDGER_REQUIRE_PRIVILEGED") != "" {
		return
	}
	t.Skip("becoming another user and loading programs needs root and the kernel's BTF: sudo go test ./deploy")
}

// asTheUnit checks the agent as systemd starts it: ambient capabilities under no_new_privs.
func asTheUnit(t *testing.T, capabilities []string) (string, error) {
	t.Helper()
	list := setprivList(capabilities)
	return ordinary(t, program(t, "tcpledger-agent"),
		[]string{"--inh-caps=" + list, "--ambient-caps=" + list, "--bounding-set=" + list}, "--no-new-privs")
}

// The agent starts with the unit's capabilities, and does not without CAP_BPF or CAP_PERFMON.
func TestAgentStartsAsTheUnitStartsIt(t *testing.T) {
	needKernel(t)
	require.Equal(t, []string{"yes"}, unit(t)["NoNewPrivileges"])
	all := granted(t)
	output, err := asTheUnit(t, all)
	require.NoError(t, err, output)
	for i, c := range all {
		output, err := asTheUnit(t, slices.Delete(slices.Clone(all), i, i+1))
		if c == "CAP_SYSLOG" { // the agent goes on without the names of functions
			require.NoError(t, err, output)
			continue
		}
		require.Error(t, err, "without %s", c)
		require.Contains(t, output, c)
	}
}

// natCapabilities gives the capabilities that docs/nat.md adds to the unit's.
func natCapabilities(t *testing.T) []string {
	t.Helper()
	_, line, found := strings.Cut(read(t, "../docs/nat.md"), "AmbientCapabilities=")
	require.True(t, found)
	line, _, _ = strings.Cut(line, "\n")
	require.Contains(t, read(t, "../docs/nat.md"), "CapabilityBoundingSet="+line+"\n")
	added := strings.Fields(line)
	for _, c := range granted(t) {
		i := slices.Index(added, c)
		require.GreaterOrEqual(t, i, 0, c)
		added = slices.Delete(added, i, i+1)
	}
	require.Equal(t, []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN"}, added)
	return added
}

// What needs CAP_SYSLOG is done once the agent watches, and with --nat what needs CAP_NET_ADMIN and CAP_SYS_ADMIN; then no thread of it
// has them, in no set that counts.
func TestAgentGivesUpCapabilities(t *testing.T) {
	needKernel(t)
	ordinary := func(capabilities []string) []string {
		list := setprivList(capabilities)
		return []string{"--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=" + list, "--ambient-caps=" + list, "--bounding-set=" + list, "--no-new-privs"}
	}
	root, more := []string{"--no-new-privs"}, append(granted(t), natCapabilities(t)...)
	for name, test := range map[string]struct {
		become []string
		flags  []string
		gone   []cap.Value
		says   string
	}{
		"ordinary user":                         {ordinary(granted(t)), nil, []cap.Value{cap.SYSLOG}, "watching"},
		"root":                                  {root, nil, []cap.Value{cap.SYSLOG}, "watching"},
		"ordinary user, asks NAT":               {ordinary(more), []string{"--nat"}, []cap.Value{cap.SYSLOG, cap.NET_ADMIN, cap.SYS_ADMIN}, "watching"},
		"root, asks NAT":                        {root, []string{"--nat"}, []cap.Value{cap.SYSLOG, cap.NET_ADMIN, cap.SYS_ADMIN}, "watching"},
		"ordinary user, may not ask NAT":        {ordinary(granted(t)), []string{"--nat"}, []cap.Value{cap.SYSLOG}, "missing capability: CAP_NET_ADMIN"},
		"CAP_SYS_ADMIN in place of CAP_PERFMON": {ordinary([]string{"CAP_BPF", "CAP_SYS_ADMIN", "CAP_NET_ADMIN"}), []string{"--nat"}, []cap.Value{cap.NET_ADMIN}, "without symbols"},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := append(append(test.become, program(t, "tcpledger-agent"), "--stdout", "--listen=127.0.0.1:0"), test.flags...)
			command := exec.CommandContext(t.Context(), "setpriv", arguments...)
			command.Dir = "/"
			stderr, err := command.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, command.Start())
			lines := bufio.NewReader(stderr)
			first, err := lines.ReadString('\n')
			require.NoError(t, err)
			require.Contains(t, first, test.says)
			for watching := first; !strings.Contains(watching, "watching"); {
				watching, err = lines.ReadString('\n')
				require.NoError(t, err)
			}
			threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", command.Process.Pid))
			require.NoError(t, err)
			require.Greater(t, len(threads), 1)
			for _, thread := range threads {
				status := read(t, thread)
				for _, set := range []string{"CapPrm", "CapEff", "CapInh", "CapAmb"} {
					for _, value := range test.gone {
						require.Zero(t, capabilities(t, status, set)>>uint(value)&1, "%s %s %s", thread, set, value)
					}
				}
				require.EqualValues(t, 1, capabilities(t, status, "CapEff")>>uint(cap.BPF)&1, thread)
			}
			require.NoError(t, command.Process.Signal(syscall.SIGTERM))
			require.NoError(t, command.Wait())
		})
	}
}

// /status names the session, which one needs to forge this host's rows: other machines get it from no address.
func TestAgentShowsItsStatusToItsOwnHostOnly(t *testing.T) {
	needKernel(t)
	own := ""
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			own = network.IP.String()
		}
	}
	if own == "" {
		t.Skip("this machine has no address but loopback")
	}
	agent := startCommand(t, nil, "sh", "-c", `exec "$1" --brokers 127.0.0.1:1 --listen "0.0.0.0:${3##*:}"`, "sh", program(t, "tcpledger-agent"))
	require.Eventually(t, func() bool { code, _ := agent.get("/status"); return code == 200 }, wait.Long, 50*time.Millisecond)
	_, port, err := net.SplitHostPort(agent.listen)
	require.NoError(t, err)
	agent.listen = net.JoinHostPort(own, port)
	code, body := agent.get("/status")
	require.Equal(t, 403, code, body)
	code, _ = agent.get("/metrics")
	require.Equal(t, 200, code)
}

// capabilities is a set of /proc/PID/status.
func capabilities(t *testing.T, status, set string) uint64 {
	t.Helper()
	_, rest, found := strings.Cut(status, set+":")
	require.True(t, found)
	bits, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
	require.NoError(t, err)
	return bits
}

func TestAgentInItsOwnPIDNamespaceSaysSo(t *testing.T) {
	needKernel(t)
	output, err := exec.CommandContext(t.Context(), "unshare", "--pid", "--fork", "--mount-proc", program(t, "tcpledger-agent"), "--check", "--listen=").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "a pid namespace of its own")
	require.Equal(t, 1, bytes.Count(output, []byte("\n")), string(output))
}

// The image's way: file capabilities, with the container's list as their upper bound.
func TestAgentStartsAsTheImageStartsIt(t *testing.T) {
	needKernel(t)
	binary := withCapabilities(t)
	bound := []string{"--inh-caps=-all", "--bounding-set=" + setprivList(granted(t))}
	output, err := ordinary(t, binary, bound, "--inh-caps=-all")
	require.NoError(t, err, output)

	output, err = ordinary(t, binary, bound, "--no-new-privs")
	require.Error(t, err, "no-new-privileges switches file capabilities off: the Compose file says so")
	require.Contains(t, output, "CAP_BPF")
}

// Without them it says in one line which it wants, and how to give them.
func TestAgentNamesTheMissingCapability(t *testing.T) {
	needKernel(t)
	output, err := ordinary(t, program(t, "tcpledger-agent"), []string{"--inh-caps=-all", "--bounding-set=-all"}, "--inh-caps=-all")
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), output)
	require.Contains(t, output, "CAP_BPF")
	require.Equal(t, 1, bytes.Count([]byte(output), []byte("\n")), output)
}
