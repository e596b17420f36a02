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
)

// What this machine may lack; each comes wrapped in one line that says what to do.
var (
	ErrPrivileges   = errors.New("missing capability")
	ErrNoBTF        = errors.New("no kernel BTF")
	ErrNoRingBuffer = errors.New("no BPF ring buffer")
	ErrMemlock      = errors.New("memlock limit too low")
)

// kernelBTF is where a kernel publishes its types.
const kernelBTF = "/sys/kernel/btf/vmlinux"

// checkMachine refuses, in one actionable line, what cannot work.
func checkMachine() error {
	if _, err := os.Stat(kernelBTF); err != nil {
		return fmt.Errorf("%w: %s is missing; the kernel needs CONFIG_DEBUG_INFO_BTF=y, "+
			"as distribution kernels since 5.10 have it", ErrNoBTF, kernelBTF)
	}
	effective, err := effectiveCapabilities()
	if err != nil {
		return err
	}
	if missing := missingCapabilities(effective); len(missing) > 0 {
		return fmt.Errorf("%w: %s; run with sudo, or once: sudo setcap cap_bpf,cap_perfmon,cap_syslog=ep %s",
			ErrPrivileges, strings.Join(missing, " and "), executable())
	}
	if err := features.HaveMapType(ebpf.RingBuf); errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("%w: the kernel is older than 5.8, tcpledger needs 5.10", ErrNoRingBuffer)
	}
	return nil
}

// missingCapabilities names those that the effective set lacks. CAP_SYS_ADMIN
// stands in for both, as in the kernel.
func missingCapabilities(effective uint64) []string {
	has := func(capability uint) bool { return effective>>capability&1 == 1 }
	if has(unix.CAP_SYS_ADMIN) {
		return nil
	}
	var missing []string
	if !has(unix.CAP_BPF) {
		missing = append(missing, "CAP_BPF")
	}
	if !has(unix.CAP_PERFMON) {
		missing = append(missing, "CAP_PERFMON")
	}
	return missing
}

func effectiveCapabilities() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read own capabilities: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}
