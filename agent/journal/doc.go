// SPDX-License-Identifier: Apache-2.0

// Package journal keeps what the agent must know to go on with a session after its own death: which numbers are in messages,
// which of those messages may still not have arrived, and what the pipeline holds.
//
// It is a file that is appended to before a message is sent, and made anew when it has grown. It lives as long as the session, so it
// has to outlive kill -9 and not a power cut: nothing is synced. A message that is cut off at the file's end was never sent. Any
// other damage makes all of it unknown, because a number must not be told as lost that may have arrived.
package journal
