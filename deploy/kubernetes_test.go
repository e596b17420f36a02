// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// daemonSet is what of the manifest must agree with the agent.
type daemonSet struct {
	Spec struct {
		Template struct {
			Spec struct {
				HostPID            bool `yaml:"hostPID"`
				EnableServiceLinks bool `yaml:"enableServiceLinks"`
				SecurityContext    struct {
					SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
				} `yaml:"securityContext"`
				InitContainers []container `yaml:"initContainers"`
				Containers     []container
				Volumes        []volume
			}
		}
	}
}

type volume struct {
	Name     string
	HostPath hostPath `yaml:"hostPath"`
}

type hostPath struct{ Path, Type string }

// defaultJournal is where the agent has its journal if nothing says otherwise.
const defaultJournal = "/var/lib/tcpledger"

type container struct {
	Image string
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		ContainerPort int `yaml:"containerPort"`
	}
	ReadinessProbe struct {
		HTTPGet struct{ Path string } `yaml:"httpGet"`
	} `yaml:"readinessProbe"`
	LivenessProbe   any `yaml:"livenessProbe"`
	SecurityContext struct {
		RunAsUser                int  `yaml:"runAsUser"`
		RunAsGroup               int  `yaml:"runAsGroup"`
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		Capabilities             struct{ Add, Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

func readDaemonSet(t *testing.T) daemonSet {
	t.Helper()
	content, err := os.ReadFile("kubernetes/agent-daemonset.yaml")
	require.NoError(t, err)
	var manifest daemonSet
	require.NoError(t, yaml.Unmarshal(content, &manifest))
	return manifest
}

// variables are the container's, by name.
func (c *container) variables() map[string]string {
	variables := map[string]string{}
	for _, e := range c.Env {
		variables[e.Name] = e.Value
	}
	return variables
}

func TestDaemonSetRunsTheAgentAsItIs(t *testing.T) {
	pod := readDaemonSet(t).Spec.Template.Spec
	require.True(t, pod.HostPID)
	require.False(t, pod.EnableServiceLinks)
	require.Equal(t, "RuntimeDefault", pod.SecurityContext.SeccompProfile.Type)
	require.Len(t, pod.Containers, 1)
	agent := pod.Containers[0]
	require.NotContains(t, agent.Image, ":latest", "a node would run whatever the tag says later")

	config := dump(t, "tcpledger-agent", agent.variables(), agent.Args...)
	_, port, err := net.SplitHostPort(config["listen"].(string))
	require.NoError(t, err)
	require.Len(t, agent.Ports, 1)
	require.Equal(t, port, strconv.Itoa(agent.Ports[0].ContainerPort))
	require.Equal(t, "/healthz", agent.ReadinessProbe.HTTPGet.Path)
	require.Nil(t, agent.LivenessProbe, "a restart mends nothing while Kafka is away")

	require.Equal(t, []string{"BPF", "PERFMON", "SYSLOG"}, agent.SecurityContext.Capabilities.Add)
	require.Equal(t, []string{"ALL"}, agent.SecurityContext.Capabilities.Drop)
	require.Equal(t, 65534, agent.SecurityContext.RunAsUser)
	require.True(t, agent.SecurityContext.AllowPrivilegeEscalation, "false switches the image's file capabilities off")

	// Of the host it may change the folders that are its own, and read the others at their own places.
	own := map[string]string{config["pins"].(string): dump(t, "tcpledger-agent", nil)["pins"].(string), defaultJournal: defaultJournal}
	for _, mount := range agent.VolumeMounts {
		i := slices.IndexFunc(pod.Volumes, func(v volume) bool { return v.Name == mount.Name })
		require.GreaterOrEqual(t, i, 0, mount.Name)
		if path, ok := own[mount.MountPath]; ok {
			require.False(t, mount.ReadOnly)
			require.Equal(t, volume{mount.Name, hostPath{path, "DirectoryOrCreate"}}, pod.Volumes[i])
			delete(own, mount.MountPath)
			continue
		}
		require.True(t, mount.ReadOnly)
		require.Contains(t, hostPaths, mount.MountPath)
		require.Equal(t, mount.MountPath, pod.Volumes[i].HostPath.Path)
	}
	require.Empty(t, own, "not mounted")
	require.Truef(t, strings.HasPrefix(config["spool"].(string), defaultJournal+"/"), "the spool is not on the node: %s", config["spool"])
}
