// SPDX-License-Identifier: Apache-2.0

// Package pipeline is the agent's one loop, and the only place that knows two stages:
//
//	capture.Read → translate → name (owner, stacks) → gaps → settle → sink (batch → publish, or print)
//
// It runs in one goroutine on the kernel's clock: time is that of the records, and CLOCK_BOOTTIME where the ring is empty.
package pipeline
