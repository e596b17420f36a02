// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"tcpledger/test/wait"
)

// withCapabilities is the agent's binary with the file capabilities that the image gives it.
func withCapabilities(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(program(t, "tcpledger-agent"))
	require.NoError(t, err)
	binary := filepath.Join(built, "tcpledger-agent-with-capabilities")
	require.NoError(t, os.WriteFile(binary, content, 0o755))
	t.Cleanup(func() { require.NoError(t, os.Remove(binary)) })
	set, err := cap.FromText(dockerfile(t).capabilities(t, "tcpledger-agent"))
	require.NoError(t, err)
	require.NoError(t, set.SetFile(binary))
	return binary
}

// node has the folders of a node that the DaemonSet mounts, as kubelet makes them, and the places where a container sees them.
type node struct {
	places map[string]string // path in a container to path here
	binary string
}

func newNode(t *testing.T) *node {
	t.Helper()
	place, err := os.MkdirTemp("", "tcpledger-node-") // t.TempDir lets no other user in
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(place)) })
	require.NoError(t, os.Chmod(place, 0o755))
	bpffs := filepath.Join(place, "bpf")
	require.NoError(t, os.Mkdir(bpffs, 0o755))
	require.NoError(t, unix.Mount("bpf", bpffs, "bpf", 0, "mode=0700")) // as systemd does
	t.Cleanup(func() { require.NoError(t, unix.Unmount(bpffs, unix.MNT_DETACH)) })
	n := &node{places: map[string]string{"/run/tcpledger-pins": filepath.Join(place, "pins"), "/var/lib/tcpledger": filepath.Join(place, "state")}, binary: withCapabilities(t)}
	for _, path := range n.places {
		require.NoError(t, os.Mkdir(path, 0o755))
	}
	made := filepath.Join(bpffs, "tcpledger")
	require.NoError(t, os.Mkdir(made, 0o755))
	pins := n.places["/run/tcpledger-pins"]
	require.NoError(t, unix.Mount(made, pins, "", unix.MS_BIND, ""))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(pins, unix.MNT_DETACH)) })
	return n
}

// command is a container's process, as its user and within its capabilities.
func (n *node) command(c *container, arguments ...string) *exec.Cmd {
	security := c.SecurityContext
	words := []string{fmt.Sprintf("--reuid=%d", security.RunAsUser), fmt.Sprintf("--regid=%d", security.RunAsGroup), "--clear-groups",
		"--inh-caps=-all", "--bounding-set=" + setprivList(security.Capabilities.Add), "setpriv", "--inh-caps=-all"}
	if !security.AllowPrivilegeEscalation {
		words = append(words, "--no-new-privs")
	}
	cmd := exec.Command("setpriv", slices.Concat(words, []string{n.binary}, c.Args, arguments)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range c.variables() {
		for inside, here := range n.places {
			value = strings.Replace(value, inside, here, 1)
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// A node's next pod goes on with the session of the one before, with what the manifest gives to both containers.
func TestTheNextPodGoesOnWithTheSession(t *testing.T) {
	needKernel(t)
	pod := readDaemonSet(t).Spec.Template.Spec
	require.Len(t, pod.InitContainers, 1)
	folders, agent := &pod.InitContainers[0], &pod.Containers[0]
	require.Equal(t, agent.Image, folders.Image)
	n := newNode(t)
	journal := n.places["/var/lib/tcpledger"]
	start := func(arguments ...string) string {
		out, err := n.command(folders, arguments...).CombinedOutput()
		require.NoError(t, err, string(out))
		next := n.command(agent, "--journal", journal, "--brokers", "127.0.0.1:1", "--host-id", "node-1")
		running := startCommand(t, next.Env, next.Path, next.Args[1:]...)
		require.Eventually(t, func() bool { code, _ := running.get("/status"); return code == 200 }, wait.Long, 50*time.Millisecond)
		running.stop(t, syscall.SIGTERM)
		require.NotContains(t, running.said.String(), "spool cannot be used")
		return running.said.String()
	}
	const goesOn = "goes on with the session of an earlier run"
	require.NotContains(t, start("--journal", journal), goesOn)
	require.Contains(t, start("--journal", journal), goesOn)

	// To take the agent away the pods are made anew as docs/takeover.md says.
	patch := regexp.MustCompile(`(?s)kubectl patch daemonset tcpledger-agent -p '(.*?)'`).FindStringSubmatch(read(t, "../docs/takeover.md"))
	require.NotNil(t, patch)
	var taken daemonSet
	require.NoError(t, yaml.Unmarshal([]byte(patch[1]), &taken))
	last := taken.Spec.Template.Spec
	folders.Args, folders.SecurityContext.RunAsUser = last.InitContainers[0].Args, last.InitContainers[0].SecurityContext.RunAsUser
	folders.SecurityContext.RunAsGroup = last.InitContainers[0].SecurityContext.RunAsGroup
	agent.Env = append(agent.Env, last.Containers[0].Env...)
	require.NotContains(t, start(), goesOn)
	left, err := os.ReadDir(n.places["/run/tcpledger-pins"])
	require.NoError(t, err)
	require.Empty(t, left, "what the agent would leave in the kernel")
}
