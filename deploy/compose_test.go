// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// hostPaths are what of the host a container of ours may mount, to read.
var hostPaths = []string{"/sys/kernel/btf", "/sys/fs/cgroup", "/etc/machine-id", "/var/log/pods"}

// project loads the Compose file as Compose does, with the variables that the user set.
func project(t *testing.T, environment types.Mapping) *types.Project {
	t.Helper()
	directory, err := filepath.Abs(root)
	require.NoError(t, err)
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  directory,
		ConfigFiles: []types.ConfigFile{{Filename: filepath.Join(directory, "docker-compose.yml")}},
		Environment: environment,
	})
	require.NoError(t, err)
	return p
}

// environment is what a service's process finds set.
func environment(s types.ServiceConfig) map[string]string {
	set := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			set[name] = *value
		}
	}
	return set
}

// ours are the services that run one of our programs.
func ours(t *testing.T, p *types.Project) map[string]types.ServiceConfig {
	t.Helper()
	found := map[string]types.ServiceConfig{}
	for name, s := range p.Services {
		if s.Build != nil {
			found[name] = s
		}
	}
	require.ElementsMatch(t, []string{"agent", "console", "ingester", "migrate", "topics"}, slices.Collect(maps.Keys(found)))
	return found
}

func TestComposeServicesRunOurProgramsAsTheyAre(t *testing.T) {
	p := project(t, nil)
	targets := dockerfile(t).stages
	for name, s := range ours(t, p) {
		t.Run(name, func(t *testing.T) {
			require.FileExists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
			require.Contains(t, targets, s.Build.Target)
			binary := targets[s.Build.Target].program()
			require.Contains(t, programs, binary, "build target %q", s.Build.Target)
			require.Empty(t, s.Entrypoint, "the image's own")

			config := dump(t, binary, environment(s), s.Command...)
			require.True(t, s.ReadOnly)
			require.Equal(t, []string{"ALL"}, s.CapDrop)
			require.Equal(t, "65534:65534", s.User)
			require.False(t, s.Privileged)
			for variable := range s.Environment {
				require.True(t, strings.HasPrefix(variable, "TCPLEDGER_"), variable)
			}
			for _, published := range s.Ports {
				require.Equal(t, "127.0.0.1", published.HostIP)
				_, port, err := net.SplitHostPort(config["listen"].(string))
				require.NoError(t, err)
				require.Equal(t, port, strconv.Itoa(int(published.Target)))
			}
		})
	}
}

// What a program is told to reach is a service, at a port on which that service listens.
func TestComposeAddressesExist(t *testing.T) {
	p := project(t, nil)
	kafka := environment(p.Services["kafka"])
	require.Contains(t, kafka["KAFKA_LISTENERS"], "PLAINTEXT://:9092")
	require.Equal(t, "PLAINTEXT://kafka:9092", kafka["KAFKA_ADVERTISED_LISTENERS"])
	targets := dockerfile(t).stages
	for name, s := range ours(t, p) {
		config := dump(t, targets[s.Build.Target].program(), environment(s), s.Command...)
		if brokers, ok := config["brokers"]; ok {
			require.Equal(t, []any{"kafka:9092"}, brokers, name)
		}
		for _, key := range []string{"clickhouse", "agent", "ingester"} {
			if address, ok := config[key]; ok {
				requireService(t, p, address.(string))
			}
		}
		for on := range s.DependsOn {
			require.Contains(t, p.Services, on)
			if s.DependsOn[on].Condition == types.ServiceConditionHealthy {
				require.NotNil(t, p.Services[on].HealthCheck, on)
			}
		}
	}
}

// requireService wants host:port to be a service and a port of its container.
func requireService(t *testing.T, p *types.Project, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.Contains(t, p.Services, host)
	require.True(t, slices.ContainsFunc(p.Services[host].Ports, func(c types.ServicePortConfig) bool {
		return strconv.Itoa(int(c.Target)) == port
	}), "%s listens on %s", host, port)
}

func TestComposeMounts(t *testing.T) {
	p := project(t, nil)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			switch {
			case v.Type == types.VolumeTypeVolume:
				require.Contains(t, p.Volumes, v.Source, name)
			case slices.Contains(hostPaths, v.Source):
				require.True(t, v.ReadOnly, "%s: %s", name, v.Source)
			default:
				require.FileExists(t, v.Source, name)
				require.True(t, v.ReadOnly, "%s: %s", name, v.Source)
			}
		}
	}
}

func TestComposeAgentHasTheLeastPrivileges(t *testing.T) {
	agent := project(t, nil).Services["agent"]
	require.Equal(t, []string{"BPF", "PERFMON", "SYSLOG"}, agent.CapAdd)
	checkCapabilities(t, agent.CapAdd)
	require.Equal(t, "host", agent.Pid)
	require.Empty(t, agent.NetworkMode, "tracepoints see every network namespace")
	require.Empty(t, agent.SecurityOpt, "no-new-privileges would switch the image's file capabilities off")
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(content), "setcap cap_bpf,cap_perfmon,cap_syslog=ep /out/tcpledger-agent\n")

	for name, s := range ours(t, project(t, nil)) {
		if name != "agent" {
			require.Empty(t, s.CapAdd, name)
			require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		}
	}
}

// checkCapabilities asks libcap for each name.
func checkCapabilities(t *testing.T, names []string) {
	t.Helper()
	require.NotEmpty(t, names)
	for _, name := range names {
		_, err := cap.FromName("cap_" + strings.ToLower(strings.TrimPrefix(name, "CAP_")))
		require.NoError(t, err, name)
	}
}

func TestComposePasswordsComeFromTheUser(t *testing.T) {
	p := project(t, types.Mapping{"TCPLEDGER_CLICKHOUSE_PASSWORD": "one", "CLICKHOUSE_READER_PASSWORD": "two", "CLICKHOUSE_MIGRATOR_PASSWORD": "three"})
	require.Equal(t, "one", environment(p.Services["ingester"])["TCPLEDGER_CLICKHOUSE_PASSWORD"])
	server := environment(p.Services["clickhouse"])
	require.Equal(t, "one", server["CLICKHOUSE_WRITER_PASSWORD"])
	require.Equal(t, "two", server["CLICKHOUSE_READER_PASSWORD"])
	require.Equal(t, "three", server["CLICKHOUSE_MIGRATOR_PASSWORD"])
	migrate := environment(p.Services["migrate"])
	require.Equal(t, "three", migrate["TCPLEDGER_CLICKHOUSE_PASSWORD"])
	require.Equal(t, "tcpledger_migrator", migrate["TCPLEDGER_CLICKHOUSE_USER"])
	users, err := os.ReadFile("clickhouse/users.xml")
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`from_env="([^"]+)"`).FindAllStringSubmatch(string(users), -1) {
		require.Contains(t, server, m[1])
	}
}
