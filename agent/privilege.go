// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// toGiveUp are the capabilities that the agent needs no more once it watches: the files with the kernel's addresses are open
// (stacks.Host), and the program that asks connection tracking is loaded. CAP_SYS_ADMIN stays if it stands in for CAP_BPF or CAP_PERFMON.
func toGiveUp(asksNAT bool, own *cap.Set) ([]cap.Value, error) {
	if !asksNAT {
		return []cap.Value{cap.SYSLOG}, nil
	}
	values := []cap.Value{cap.SYSLOG, cap.NET_ADMIN, cap.SYS_ADMIN}
	for _, needed := range []cap.Value{cap.BPF, cap.PERFMON} {
		has, err := own.GetFlag(cap.Effective, needed)
		if err != nil {
			return nil, fmt.Errorf("read own capabilities: %w", err)
		}
		if !has {
			return values[:2], nil
		}
	}
	return values, nil
}

// dropCapabilities gives them up for every thread, for good.
func dropCapabilities(asksNAT bool) error {
	set := cap.GetProc()
	values, err := toGiveUp(asksNAT, set)
	if err != nil {
		return err
	}
	for _, flag := range []cap.Flag{cap.Effective, cap.Permitted, cap.Inheritable} {
		if err := set.SetFlag(flag, false, values...); err != nil {
			return fmt.Errorf("give up %s: %w", names(values), err)
		}
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("give up %s: %w", names(values), err)
	}
	return nil
}

// names are the capabilities' names, as CAP_SYSLOG.
func names(values []cap.Value) string {
	var all []string
	for _, v := range slices.Sorted(slices.Values(values)) {
		all = append(all, strings.ToUpper(v.String()))
	}
	return strings.Join(all, ", ")
}
