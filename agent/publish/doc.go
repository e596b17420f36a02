// SPDX-License-Identifier: Apache-2.0

// Package publish brings messages to Kafka. Its queues, one for records and one for what the meta topic tells about them,
// are bounded in bytes together and outlive the broker's death and restart: a message leaves when every in-sync replica
// has it, or when there is no room and the oldest batch makes some. What a dropped batch held becomes loss ranges, which go
// out with the next batches.
package publish
