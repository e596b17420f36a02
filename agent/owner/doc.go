// SPDX-License-Identifier: Apache-2.0

// Package owner gives owners the names that the kernel side has not: the executable of a process, the container of a
// cgroup. All of it comes from /proc and the cgroup file system at that moment; what is gone or not permitted stays empty.
package owner
