// SPDX-License-Identifier: Apache-2.0

// Package publish brings messages to Kafka. Its queue is bounded in bytes and outlives the broker's death and restart:
// a message leaves it when every in-sync replica has it, or when the queue overflows and the oldest batch makes room. What
// a dropped batch held becomes loss ranges, which go out with the next batches.
package publish
