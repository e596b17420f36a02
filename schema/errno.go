// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// The errors that decide causes, as Linux numbers them on every architecture tcpledger runs on.
const (
	errAccess      = int32(unix.EACCES)
	errPipe        = int32(unix.EPIPE)
	errNetUnreach  = int32(unix.ENETUNREACH)
	errNoProtoOpt  = int32(unix.ENOPROTOOPT)
	errNoNet       = int32(unix.ENONET)
	errConnAborted = int32(unix.ECONNABORTED)
	errConnReset   = int32(unix.ECONNRESET)
	errTimedOut    = int32(unix.ETIMEDOUT)
	errConnRefused = int32(unix.ECONNREFUSED)
	errHostDown    = int32(unix.EHOSTDOWN)
	errHostUnreach = int32(unix.EHOSTUNREACH)
	errNetDown     = int32(unix.ENETDOWN)
)

// ErrnoName gives the kernel's name of an error number ("ECONNRESET"), "" for 0, the number if it has no name.
func ErrnoName(errno int32) string {
	if errno == 0 {
		return ""
	}
	if name := unix.ErrnoName(unix.Errno(errno)); name != "" {
		return name
	}
	return strconv.Itoa(int(errno))
}
