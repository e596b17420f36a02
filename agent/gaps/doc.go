// SPDX-License-Identifier: Apache-2.0

// Package gaps finds the numbers of the kernel side that never arrive. Every record carries a stream and a number in it; a
// number that is missing for gapTimeout, or at the end of the session, becomes a loss range.
package gaps
