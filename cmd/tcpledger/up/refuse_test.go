// SPDX-License-Identifier: Apache-2.0

package up

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatCannotStartSaysWhyBeforeAnythingStarts(t *testing.T) {
	good := options(t)
	good.NoAgent = os.Geteuid() != 0
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	used := listener.Addr().(*net.TCPAddr).Port
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for want, spoil := range map[string]func(o *Options){
		fmt.Sprintf("port %d is in use by up.test (pid %d) (--clickhouse-http-port names another)", used, os.Getpid()): func(o *Options) {
			o.ClickHouseHTTPPort = used
		},
		fmt.Sprintf("--kafka-port and --console-port are both %d", good.KafkaPort): func(o *Options) { o.ConsolePort = o.KafkaPort },
		"data directory " + file:           func(o *Options) { o.Data = filepath.Join(file, "data") },
		"tcpledger-ingester is not beside": func(o *Options) { o.Exe, o.NoAgent = "/nowhere/tcpledger", true },
	} {
		o := good
		spoil(&o)
		err := Run(t.Context(), o)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, Check(t.Context(), o), want)
		require.NoDirExists(t, filepath.Join(o.Data, "log"), "nothing has started")
	}
	require.NoError(t, Check(t.Context(), good))
	require.NoDirExists(t, filepath.Join(good.Data, "log"), "nothing has started")
}

func TestUnknownKindsAreRefusedBeforeAnythingStarts(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, flag := range []string{"--enable", "--disable"} {
		command := Command()
		command.SetArgs([]string{"--data", data, flag, "drop,everything"})
		command.SilenceUsage, command.SilenceErrors = true, true
		require.ErrorContains(t, command.ExecuteContext(t.Context()), flag+`: unknown kind "everything"`)
		require.NoDirExists(t, data)
	}
}

func TestANumberThatIsNoPortIsAUsageError(t *testing.T) {
	command := Command()
	for _, flag := range []string{"--kafka-port", "--clickhouse-port", "--clickhouse-http-port", "--console-port", "--agent-port", "--ingester-port"} {
		for _, port := range []string{"0", "70000"} {
			require.ErrorContains(t, command.ParseFlags([]string{flag, port}), "must be from 1 to 65535", flag)
		}
	}
}

func TestTheSameDataTwiceIsRefused(t *testing.T) {
	first := options(t)
	first.NoAgent = true
	start(t, first)
	second := options(t)
	second.NoAgent, second.Data = true, first.Data
	err := Run(t.Context(), second)
	require.ErrorContains(t, err, "in use by another process (--data names another)")
}

func TestWithoutCapabilitiesTheCommandIsNamed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("changes the user")
	}
	o := options(t)
	nobody := []string{"--reuid=65534", "--regid=65534", "--clear-groups", o.Exe}
	said, err := exec.CommandContext(t.Context(), "setpriv", append(append(nobody, o.args()...), "--check")...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "sudo setcap cap_bpf,cap_perfmon,cap_syslog+ep "+o.agentPath())
	require.Contains(t, string(said), "--no-agent")
}
