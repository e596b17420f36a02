// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/lab"
	"tcpledger/test/setting"
)

// shortContainers is how many containers of each hierarchy come and go: TCPLEDGER_TEST_CONTAINERS, or few.
func shortContainers(t *testing.T) int {
	t.Helper()
	few := 50
	if inGuest() {
		few = 10
	}
	return setting.Number(t, "TCPLEDGER_TEST_CONTAINERS", few)
}

// container is a cgroup as a kubelet and its runtime name it, so deep that a container inside a container inside one fits.
type container struct{ pod, id, path string }

func newContainer(n int, systemd bool) container {
	c := container{pod: uuid.NewString(), id: fmt.Sprintf("%064x", n+1)}
	if systemd {
		pod := strings.ReplaceAll(c.pod, "-", "_")
		c.path = "tcpledger.slice/kubepods-burstable.slice/kubepods-burstable-pod" + pod + ".slice/cri-containerd-" + c.id + ".scope"
	} else {
		c.path = "tcpledger/kubepods/burstable/pod" + c.pod + "/" + c.id
	}
	return c
}

// deepContainer is 20 levels deep: the container is at the fourth, and has cgroups of its own below with names as long as they can be.
func deepContainer() container {
	c := newContainer(1<<20, true)
	for strings.Count(c.path, "/") < 19 {
		c.path += "/" + strings.Repeat("deep-", 14) + "cgroup"
	}
	return c
}

// live is the short life of a container: its process connects, says a word and ends.
func (c container) live(t *testing.T, world *lab.Lab, listener *lab.Socket, m lab.CgroupMount) *lab.Socket {
	dir, remove := m.Cgroup(t, c.path)
	a := world.A.Actor(t, "short")
	a.EnterCgroup(dir)
	s := a.Dial(listener.Local)
	server := listener.Accept()
	s.Write(1)
	server.Read(1)
	a.End()
	server.Read(1)
	server.Close()
	remove()
	return s
}

// TestShortContainers: of containers that live for a moment each has its name and its pod's uid, with cgroup v2 and with v1, also if
// the agent sits in a cgroup namespace of its own as a pod does, and however deep the cgroup is.
func TestShortContainers(t *testing.T) {
	mounts := lab.CgroupMounts(t)
	if len(mounts) == 0 {
		t.Skip("this kernel has no cgroups")
	}
	shortLived(t, mounts, lab.InCgroupNamespace)
}

// TestShortContainersOfV1 is the same on a host that mounts v1 alone: the agent sees no other hierarchy.
func TestShortContainersOfV1(t *testing.T) {
	mounts := slices.DeleteFunc(lab.CgroupMounts(t), func(m lab.CgroupMount) bool { return m.V2 })
	if inGuest() {
		t.Skip("a guest has no unshare(1), and the kernel side is that of TestShortContainers")
	}
	if len(mounts) == 0 {
		t.Skip("this machine cannot mount the memory controller's hierarchy of cgroup v1")
	}
	shortLived(t, mounts, lab.OnV1Alone)
}

// shortLived has containers come and go in each hierarchy, and an agent that starts as change says name them all.
func shortLived(t *testing.T, mounts []lab.CgroupMount, change func(*exec.Cmd)) {
	t.Helper()
	each := shortContainers(t)
	w := watchingAs(t, change)
	world := lab.New(t)
	here := namespaceOf(t, world.A)
	listener := world.B.Actor(t, "server").Listen(world.B.IPv4, 16)
	want := map[uint16][]container{}
	live := func(c container, m lab.CgroupMount) {
		s := c.live(t, world, listener, m)
		want[s.Local.Port()] = append(want[s.Local.Port()], c)
	}
	made := 0
	for _, m := range mounts {
		for i := range each {
			live(newContainer(made+i, i%2 == 0), m)
		}
		live(deepContainer(), m)
		made += each + 1
	}
	w.until(made, here)
	w.stop()
	rows := w.rows(here)
	require.Len(t, rows, made)
	named := 0
	for _, c := range rows {
		if isOneOf(want[c.LocalPort], c) {
			named++
			continue
		}
		fmt.Printf("UNNAMED\t%q %q (%s %d)\n", c.Container, c.PodUID, c.CgroupHow, c.CgroupID)
	}
	fmt.Printf("CONTAINERS\t%d of %d hierarchies\tnamed %d\n", made, len(mounts), named)
	require.Equal(t, made, named)
}

// isOneOf: ports are used again.
func isOneOf(containers []container, c *schema.Connection) bool {
	for _, x := range containers {
		if c.Container == x.id && c.PodUID == x.pod {
			return true
		}
	}
	return false
}
