// SPDX-License-Identifier: Apache-2.0

// Package owner gives owners their names: the executable of a process, the container, pod and unit of a cgroup. The kernel side takes the
// paths as a process becomes an owner, so that the process and the cgroup may be gone. A cgroup's path that the kernel side has
// forgotten comes from /proc or the cgroup file system.
package owner
