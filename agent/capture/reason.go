// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// reasons are one enum of the running kernel: numbers shift between kernels and
// are backported, so the names come from its own BTF.
type reasons map[uint32]string

// readReasons is empty if the kernel has no such enum.
func readReasons(kernel *btf.Spec, enum string, prefixes ...string) reasons {
	var found *btf.Enum
	names := reasons{}
	if err := kernel.TypeByName(enum, &found); err != nil {
		return names
	}
	for _, value := range found.Values {
		names[uint32(value.Value)] = strip(value.Name, prefixes)
	}
	return names
}

func strip(name string, prefixes []string) string {
	for _, prefix := range prefixes {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			return short
		}
	}
	return name
}

// number finds a reason by its name.
func (r reasons) number(name string) (uint32, bool) {
	for number, known := range r {
		if known == name {
			return number, true
		}
	}
	return 0, false
}

// ReasonName is the running kernel's name of a drop reason, without its
// prefix. Reasons of a subsystem (mac80211, openvswitch) keep their numbers, as
// "subsys N/number". Empty if the kernel names none, or not this one.
func (c *Capture) ReasonName(reason uint32) string {
	if name, ok := c.dropReasons[reason]; ok {
		return name
	}
	if subsystem := reason >> 16; subsystem != 0 && subsystem != 0xffff {
		return fmt.Sprintf("subsys %d/%d", subsystem, reason&0xffff)
	}
	return ""
}

// ResetReasonName is the running kernel's name of a reset reason, without its
// prefix; empty if it names none.
func (c *Capture) ResetReasonName(reason uint32) string {
	return c.resetReasons[reason]
}
