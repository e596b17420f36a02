// SPDX-License-Identifier: Apache-2.0

// Package sink is the end of the agent's flow: Kafka, or a person's terminal. Kafka's sink closes batches, queues them and asks
// for symbols, so this package knows batch, publish and symbols; the terminal's knows print.
package sink
