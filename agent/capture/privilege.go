// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// What this machine may lack; each comes wrapped in one line that says what to do.
var (
	ErrPrivileges   = errors.New("missing capability")
	ErrNoBTF        = errors.New("no kernel BTF")
	ErrNoRingBuffer = errors.New("no BPF ring buffer")
	ErrMemlock      = errors.New("memlock limit too low")
	ErrClock        = errors.New("another clock than the kernel's")
	ErrPIDNamespace = errors.New("a pid namespace of its own")
	ErrForbidden    = errors.New("the bpf system call is forbidden")
)

// kernelBTF is where a kernel publishes its types.
const kernelBTF = "/sys/kernel/btf/vmlinux"

// timeOffsets is how far the clocks of this time namespace are from the kernel's.
const timeOffsets = "/proc/self/timens_offsets"

// checkMachine refuses, in one actionable line, what cannot work.
func checkMachine() error {
	if _, err := os.Stat(kernelBTF); err != nil {
		return fmt.Errorf("%w: %s is missing; the kernel needs CONFIG_DEBUG_INFO_BTF=y, "+
			"as distribution kernels since 5.10 have it", ErrNoBTF, kernelBTF)
	}
	own, err := cap.GetPID(0)
	if err != nil {
		return fmt.Errorf("read own capabilities: %w", err)
	}
	if missing := missingCapabilities(own); len(missing) > 0 {
		return fmt.Errorf("%w: %s; run with sudo, or once: sudo setcap cap_bpf,cap_perfmon,cap_syslog=ep %s",
			ErrPrivileges, strings.Join(missing, " and "), executable())
	}
	switch err := features.HaveMapType(ebpf.RingBuf); {
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("%w: the kernel is older than 5.8, tcpledger needs 5.10", ErrNoRingBuffer)
	case errors.Is(err, unix.EPERM) && filtered():
		return fmt.Errorf("%w: a seccomp profile refuses it although the capabilities are there; use deploy/agent-seccomp.json, "+
			"or a runtime whose default allows bpf with CAP_BPF (containerd 1.7, Docker 23)", ErrForbidden)
	}
	if err := checkPIDNamespace(pidNamespace); err != nil {
		return err
	}
	return checkClock(timeOffsets)
}

// filtered says whether a seccomp filter judges this process's system calls.
func filtered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}

// pidNamespace is this process's pid namespace; hostPIDs is what the host's reads, the same on every kernel
// (PROC_PID_INIT_INO).
const (
	pidNamespace = "/proc/self/ns/pid"
	hostPIDs     = "pid:[4026531836]"
)

// checkPIDNamespace refuses a pid namespace that is not the host's. Records name processes by the host's numbers: the agent
// would record its own traffic, leave out that of the host's process with its number, and name wrong owners.
func checkPIDNamespace(path string) error {
	namespace, err := os.Readlink(path)
	if err != nil {
		return fmt.Errorf("read the pid namespace: %w", err)
	}
	if namespace != hostPIDs {
		return fmt.Errorf("%w: the kernel's records name processes by the host's numbers; run in the host's (hostPID: true, --pid=host)", ErrPIDNamespace)
	}
	return nil
}

// checkClock refuses a time namespace whose CLOCK_BOOTTIME is not that of the records: the agent
// would wait too short for the reset of an ending, or for ever. Kernels before 5.6 have no time namespaces.
func checkClock(path string) error {
	offsets, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the offsets of the time namespace: %w", err)
	}
	for line := range strings.Lines(string(offsets)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "boottime" && (fields[1] != "0" || fields[2] != "0") {
			return fmt.Errorf("%w: this time namespace sets boottime off by %s s; run in the host's", ErrClock, fields[1])
		}
	}
	return nil
}

// missingCapabilities names those that the effective set lacks. CAP_SYS_ADMIN stands in for both, as in the kernel.
func missingCapabilities(own *cap.Set) []string {
	has := func(value cap.Value) bool {
		set, err := own.GetFlag(cap.Effective, value)
		return err == nil && set
	}
	if has(cap.SYS_ADMIN) {
		return nil
	}
	var missing []string
	for _, value := range []cap.Value{cap.BPF, cap.PERFMON} {
		if !has(value) {
			missing = append(missing, strings.ToUpper(value.String()))
		}
	}
	return missing
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
