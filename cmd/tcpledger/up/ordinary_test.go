// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/port"
	"tcpledger/test/wait"
)

const (
	// somebody is an ordinary user of the machine, another is one more.
	somebody = 65534
	another  = 65533
)

// ordinary are options for a stack of an ordinary user: programs of their own, the agent with the capabilities that `up` asks for,
// and an engine in the user's cache.
func ordinary(t *testing.T) Options {
	t.Helper()
	o := withAgent(t)
	home, err := os.MkdirTemp("", "tcpledger-home-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(home)) })
	copied := func(from, to string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
		out, err := exec.CommandContext(t.Context(), "cp", "--preserve=mode", from, to).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for _, name := range []string{"tcpledger", agentProgram, ingesterProgram} {
		copied(filepath.Join(filepath.Dir(o.Exe), name), filepath.Join(home, "bin", name))
	}
	o.Exe, o.Data = filepath.Join(home, "bin", "tcpledger"), filepath.Join(home, "data")
	engine, err := clickhouse.Find(t.Context(), os.Stderr)
	require.NoError(t, err)
	if engine.Library {
		cached := filepath.Join(home, "cache", "tcpledger", filepath.Base(filepath.Dir(engine.Path)), filepath.Base(engine.Path))
		copied(engine.Path, cached)
		copied(engine.Path+".ok", cached+".ok")
	}
	out, err := exec.CommandContext(t.Context(), "chown", "-R", fmt.Sprint(somebody), home).CombinedOutput()
	require.NoError(t, err, string(out))
	needs, err := cap.FromText("cap_bpf,cap_perfmon,cap_syslog+ep")
	require.NoError(t, err)
	require.NoError(t, needs.SetFile(o.agentPath()))
	return o
}

// startAs starts the stack as an ordinary user and waits until rows flow.
func startAs(t *testing.T, o Options, user int) *child.Process {
	t.Helper()
	id := fmt.Sprint(user)
	process, err := child.Start(child.Command{Name: "tcpledger", Path: "setpriv", StopSignal: syscall.SIGTERM,
		Args: append([]string{"--reuid=" + id, "--regid=" + id, "--clear-groups", "env", "XDG_CACHE_HOME=" + filepath.Join(filepath.Dir(o.Data), "cache"), o.Exe}, o.args()...)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = process.Kill() }) // most have ended
	awaitReady(t, o, process)
	return process
}

// An ordinary user has the whole stack, with the engine in a network of its own: nobody else reaches the ports behind the front.
func TestAnOrdinaryUserHasAllAndNobodyReachesTheEngine(t *testing.T) {
	o := ordinary(t)
	process := startAs(t, o, somebody)
	answer(t, o, 40, endingsOf, endings(t, 20))
	pids := children(t, o)
	require.Len(t, pids, 4)

	own := engineListens(t, pids["clickhouse"])
	require.Len(t, own, 2)
	for _, user := range []int{0, somebody, another} {
		id := fmt.Sprint(user)
		for _, addr := range own {
			said, err := exec.CommandContext(t.Context(), "setpriv", "--reuid="+id, "--regid="+id, "--clear-groups",
				"curl", "-sS", "--max-time", "30", "http://"+addr+"/?query=SELECT+1").CombinedOutput()
			require.Error(t, err)
			require.Contains(t, string(said), "Failed to connect", "user %d at %s", user, addr)
		}
	}
	response, err := exec.CommandContext(t.Context(), "curl", "-sS", "http://"+port.Join(o.ClickHouseHTTPPort)+"/?query=SELECT+1").CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "1\n", string(response), "the front answers")
	for name, pid := range pids {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		require.NoError(t, err)
		if name != "agent" { // the kernel gives a process with file capabilities to root
			require.EqualValues(t, somebody, info.Sys().(*syscall.Stat_t).Uid, name)
		}
	}

	require.NoError(t, process.Kill())
	require.Eventually(t, func() bool { return o.checkPorts() == nil && len(children(t, o)) == 0 }, wait.Long, 10*time.Millisecond, "every child dies too")
	process = startAs(t, o, somebody)
	answer(t, o, 40, endingsOf, endings(t, 20))
	require.NoError(t, process.Stop(t.Context()))
	require.Empty(t, children(t, o))
}

// engineListens returns where the child of the process listens, host:port, in its own network.
func engineListens(t *testing.T, parent int) (addresses []string) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", parent))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		var host, port uint32
		if fields := strings.Fields(line); fields[3] == "0A" {
			_, err := fmt.Sscanf(fields[1], "%08X:%04X", &host, &port)
			require.NoError(t, err)
			addresses = append(addresses, fmt.Sprintf("%d.%d.%d.%d:%d", host&0xff, host>>8&0xff, host>>16&0xff, host>>24, port))
		}
	}
	return addresses
}

// Where neither a network namespace nor a socket filter is to be had, the stack says so before anything starts.
func TestWithoutAGuardForTheEngineItIsRefused(t *testing.T) {
	o := withAgent(t)
	o.NoAgent = true
	data, err := os.MkdirTemp("", "tcpledger-data-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	require.NoError(t, os.Chown(data, somebody, somebody))
	o.Data = filepath.Join(data, "data")
	// Within this user namespace no other can be made, and its root is an ordinary user of the machine.
	up := strings.Join(append([]string{"exec", o.Exe}, o.args()...), " ")
	line := "echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_net_namespaces && " + up + " --check"
	ask := func(flag string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), wait.Long)
		defer cancel()
		said, err := exec.CommandContext(ctx, "setpriv", "--reuid="+fmt.Sprint(somebody), "--regid="+fmt.Sprint(somebody), "--clear-groups",
			"unshare", "--user", "--map-root-user", "sh", "-c", line+flag).CombinedOutput()
		return string(said), err
	}
	said, err := ask("")
	if err == nil {
		t.Skip("this kernel lets everybody set socket filters")
	}
	require.Contains(t, said, "a web page that finds the engine's own ports can ask it")
	require.Contains(t, said, "user.max_user_namespaces")
	said, err = ask(" --unconfined-engine")
	require.NoError(t, err, said)
}
