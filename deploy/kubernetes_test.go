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
					FSGroup        int                   `yaml:"fsGroup"`
				} `yaml:"securityContext"`
				Containers []container
				Volumes    []struct {
					Name     string
					HostPath struct{ Path string } `yaml:"hostPath"`
				}
			}
		}
	}
}

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
		AllowPrivilegeEscalation bool `yaml:"allowPrivilegeEscalation"`
		Capabilities             struct{ Add, Drop []string }
	} `yaml:"securityContext"`
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

func TestDaemonSetRunsTheAgentAsItIs(t *testing.T) {
	content, err := os.ReadFile("kubernetes/agent-daemonset.yaml")
	require.NoError(t, err)
	var manifest daemonSet
	require.NoError(t, yaml.Unmarshal(content, &manifest))
	pod := manifest.Spec.Template.Spec
	require.True(t, pod.HostPID)
	require.False(t, pod.EnableServiceLinks)
	require.Equal(t, "RuntimeDefault", pod.SecurityContext.SeccompProfile.Type)
	require.Len(t, pod.Containers, 1)
	agent := pod.Containers[0]
	require.NotContains(t, agent.Image, ":latest", "a node would run whatever the tag says later")

	variables := map[string]string{}
	for _, e := range agent.Env {
		variables[e.Name] = e.Value
	}
	config := dump(t, "tcpledger-agent", variables, agent.Args...)
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
	writable := 0
	for _, mount := range agent.VolumeMounts {
		if strings.HasPrefix(config["spool"].(string), mount.MountPath+"/") {
			writable++
			require.False(t, mount.ReadOnly)
			continue
		}
		require.True(t, mount.ReadOnly)
		require.Contains(t, hostPaths, mount.MountPath)
		require.True(t, slices.ContainsFunc(pod.Volumes, func(v struct {
			Name     string
			HostPath struct{ Path string } `yaml:"hostPath"`
		}) bool {
			return v.Name == mount.Name && v.HostPath.Path == mount.MountPath
		}), mount.Name)
	}
	require.Equal(t, 1, writable, "the spool's folder")
	require.Equal(t, agent.SecurityContext.RunAsUser, pod.SecurityContext.FSGroup, "so that the agent may write there")
}
