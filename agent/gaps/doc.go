// SPDX-License-Identifier: Apache-2.0

// Package gaps tells which numbers of the kernel side never arrived. Every record carries a stream and a number in it;
// a number that is missing for long enough, or that a checkpoint proves missing, becomes a loss range.
package gaps
