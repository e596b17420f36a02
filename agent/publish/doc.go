// SPDX-License-Identifier: Apache-2.0

// Package publish sends messages to Kafka. Its two queues, one for batches of records and one for the meta topic, are bounded in
// bytes together and outlive the broker's death and restart: a message leaves when every in-sync replica has it, or when the
// queue is full and drops it. The numbers of a dropped batch become loss ranges, which go out with the next batches.
package publish
