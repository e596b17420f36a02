// SPDX-License-Identifier: Apache-2.0

// Package pipeline is the agent's one loop, and the only place that knows two stages:
//
//	capture.Read → gaps → translate → name (owner, stacks) → settle → sink
//
// It runs in one goroutine. Its time is that of the newest record, and CLOCK_BOOTTIME while the ring is empty.
package pipeline
