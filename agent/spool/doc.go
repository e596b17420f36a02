// SPDX-License-Identifier: Apache-2.0

// Package spool keeps on disk the messages that Kafka does not take and memory should not hold. They outlive the agent, and the next
// run sends them. It is bounded in bytes: the oldest segment goes first, and the numbers in it become loss ranges of their own
// session, which are in the spool before the segment is gone.
//
// A topic has a folder of segments, files that are only appended to; every run begins one of its own. A frame is one message with
// checksums over its fixed part, over the message's header and over its rows. A flipped bit in the rows, or a torn tail, so leaves
// the numbers known: they become loss ranges as well.
//
// The libraries looked at: nsqio/go-diskqueue (v1.1.0) and tidwall/wal (v1.2.1) have no checksums; rosedblabs/wal (v1.3.8) has, but stops at
// the first one that is wrong, and none of them drops the oldest within a bound or says what was in it.
package spool
