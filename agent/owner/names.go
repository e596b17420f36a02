// SPDX-License-Identifier: Apache-2.0

package owner

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"tcpledger/schema"
)

const maxProcesses = 16_384

// process is the key of an executable. comm is in it because exec changes comm, but neither pid nor start.
type process struct {
	pid   uint32
	start uint64
	comm  string
}

// Names finds names in /proc and the cgroup file system. It is for one goroutine; its memory is bounded.
type Names struct {
	proc        string
	executables *lru.Cache[process, string]
	cgroups     map[schema.CgroupHow]*hierarchy
}

// New makes Names from the mount points of procfs and of the cgroup file systems: "/proc", "/sys/fs/cgroup". The agent runs in
// the host's pid namespace, so that /proc and the kernel side mean the same process by a pid.
func New(proc, cgroup string) (*Names, error) {
	executables, err := lru.New[process, string](maxProcesses)
	if err != nil {
		return nil, err
	}
	n := &Names{proc: proc, executables: executables, cgroups: map[schema.CgroupHow]*hierarchy{}}
	for how, mount := range mounts(cgroup) {
		if n.cgroups[how], err = newHierarchy(mount); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Fill sets o.Exe, o.Container and o.Service, each "" if it cannot be known. A reused pid never gives the executable of another
// process: the start must be o's. The executables of other users' processes need CAP_SYS_PTRACE.
func (n *Names) Fill(o *schema.Owner) {
	o.Exe = n.exe(o)
	path := n.Cgroup(o)
	o.Container, o.Service = ContainerID(path), Unit(path)
}

// Cgroup gives the path of the owner's cgroup in its hierarchy, "" if it is not known. /proc has the path while the owner's
// process runs in that cgroup; else the hierarchy is walked, at most now and then.
func (n *Names) Cgroup(o *schema.Owner) string {
	h, ok := n.cgroups[o.CgroupHow]
	if !ok {
		return ""
	}
	if path, ok := h.paths.Get(o.CgroupID); ok {
		return path
	}
	if path := cgroupOf(n.proc, o.PID, o.CgroupHow); h.learn(o.CgroupID, path) {
		return path
	}
	return h.path(o.CgroupID)
}

func (n *Names) exe(o *schema.Owner) string {
	if o.PID == 0 || o.Start == 0 || o.How == schema.OwnerKernel {
		return ""
	}
	key := process{o.PID, o.Start, o.Comm}
	if exe, ok := n.executables.Get(key); ok {
		return exe
	}
	exe := executable(n.proc, o.PID, o.Start)
	n.executables.Add(key, exe)
	return exe
}
