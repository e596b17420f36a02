// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// dropSyslog gives CAP_SYSLOG up for every thread, for good. The files with the kernel's addresses are open by then
// (stacks.Host); nothing else needs it.
func dropSyslog() error {
	set := cap.GetProc()
	for _, flag := range []cap.Flag{cap.Effective, cap.Permitted, cap.Inheritable} {
		if err := set.SetFlag(flag, false, cap.SYSLOG); err != nil {
			return fmt.Errorf("give up CAP_SYSLOG: %w", err)
		}
	}
	if err := set.SetProc(); err != nil {
		return fmt.Errorf("give up CAP_SYSLOG: %w", err)
	}
	return nil
}
