// SPDX-License-Identifier: Apache-2.0

// Package owner gives owners the names that the kernel side does not have: the executable of a process, the container of a
// cgroup. It reads /proc and the cgroup file system at that moment. A name stays empty if its process has ended or may not be read.
package owner
