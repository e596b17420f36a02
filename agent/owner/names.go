// SPDX-License-Identifier: Apache-2.0

package owner

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/schema"
)

const maxExecutables = 16_384

// Kernel has the paths that the kernel side took when the first process of a cgroup or of an executable became an owner. The
// path is "" if there is none.
type Kernel interface {
	CgroupPath(how schema.CgroupHow, id uint64) string
	ExecutablePath(id uint32) string
}

// Names finds names in what the kernel side took, and cgroups' in /proc and the cgroup file system too. It is for one goroutine; its
// memory is bounded.
type Names struct {
	kernel      Kernel
	proc        string
	executables *lru.Cache[uint32, string]
	cgroups     map[schema.CgroupHow]*hierarchy
	pods        *pods
}

// New makes Names from the kernel side, the mount points of procfs and of the cgroup file systems ("/proc", "/sys/fs/cgroup"), and the folder of
// kubelet's logs of pods, "" for none. The agent runs in the host's pid namespace, so that /proc and the kernel side mean the same process by a pid.
func New(kernel Kernel, proc, cgroup, podLogs string) (*Names, error) {
	executables, err := lru.New[uint32, string](maxExecutables)
	if err != nil {
		return nil, err
	}
	pods, err := newPods(podLogs)
	if err != nil {
		return nil, err
	}
	n := &Names{kernel: kernel, proc: proc, executables: executables, cgroups: map[schema.CgroupHow]*hierarchy{}, pods: pods}
	found := mounts(cgroup)
	for _, how := range []schema.CgroupHow{schema.CgroupV2, schema.CgroupMemory} {
		if n.cgroups[how], err = newHierarchy(found[how]); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Fill sets o.Exe, o.Container, o.Service and the pod's uid and names, each "" if it cannot be known. exe is the kernel side's number of the executable.
func (n *Names) Fill(o *schema.Owner, exe uint32) {
	o.Exe = n.Executable(exe)
	path := n.Cgroup(o)
	o.Container, o.PodUID, o.Service = ContainerID(path), PodUID(path), Unit(path)
	named := n.pods.of(o.PodUID)
	o.PodNamespace, o.PodName = named.namespace, named.name
}

// Executable gives the path of an executable by the kernel side's number of it, "" if it is not known. The path is the one in the
// process's own mount namespace.
func (n *Names) Executable(id uint32) string {
	if id == 0 {
		return ""
	}
	if path, ok := n.executables.Get(id); ok {
		return path
	}
	path := n.kernel.ExecutablePath(id)
	if path != "" {
		n.executables.Add(id, path)
	}
	return path
}

// Cgroup gives the path of the owner's cgroup in its hierarchy, "" if it is not known. If the kernel side has forgotten it, /proc has
// the path while the owner's process runs in that cgroup; else the hierarchy is walked, at most now and then.
func (n *Names) Cgroup(o *schema.Owner) string {
	h, ok := n.cgroups[o.CgroupHow]
	if !ok || o.CgroupID == 0 {
		return ""
	}
	if path, ok := h.paths.Get(o.CgroupID); ok {
		return path
	}
	if path := n.kernel.CgroupPath(o.CgroupHow, o.CgroupID); path != "" {
		h.paths.Add(o.CgroupID, path)
		return path
	}
	if path := cgroupOf(n.proc, o.PID, o.CgroupHow); h.learn(o.CgroupID, path) {
		return path
	}
	return h.path(o.CgroupID)
}
