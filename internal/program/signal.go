// SPDX-License-Identifier: Apache-2.0

package program

import (
	"context"
	"strings"
	"syscall"
)

// Terminated reports whether SIGTERM ended ctx, a context of a command: a service manager stops or restarts the program. Ctrl-C and the
// end of a time limit are something else.
func Terminated(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && strings.HasPrefix(cause.Error(), syscall.SIGTERM.String())
}
