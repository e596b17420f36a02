// SPDX-License-Identifier: Apache-2.0

package logs

import "tcpledger/schema"

// causes say each cause as what an end did, after the name of its host.
var causes = map[schema.Cause]string{
	schema.CauseLocalClose:        "closed it",
	schema.CauseProcessExit:       "lost it as the process exited",
	schema.CauseLocalShutdown:     "shut it down",
	schema.CauseCloseUnreadData:   "closed it with data unread, which makes the kernel send a reset",
	schema.CauseLingerAbort:       "aborted it: SO_LINGER was on with time 0",
	schema.CauseDisconnect:        "disconnected the socket",
	schema.CauseDataAfterClose:    "had closed it when data still came, which makes the kernel send a reset",
	schema.CausePeerClose:         "saw the peer close it",
	schema.CausePeerReset:         "received a reset",
	schema.CauseRefused:           "was refused",
	schema.CauseConnectTimeout:    "got no answer to its connect",
	schema.CauseUnreachable:       "could not reach the peer",
	schema.CauseHandshakeFailed:   "did not finish the handshake",
	schema.CauseConnectAbandoned:  "gave up its connect",
	schema.CauseNoLocalPort:       "had no free local port",
	schema.CauseRetransmitTimeout: "sent data again until the kernel gave up",
	schema.CauseKeepaliveTimeout:  "got no answer to keepalive probes",
	schema.CauseZeroWindowTimeout: "found the peer's window closed until the kernel gave up",
	schema.CauseKilled:            "had it killed by an administrator",
	schema.CauseOutOfMemory:       "lost it as TCP memory ran out",
	schema.CauseLinger2Timeout:    "closed it, and the peer never closed its side",
	schema.CauseListenerClosed:    "lost it as its listener closed before it was accepted",
	schema.CauseUnknown:           "had it end for a reason that is not known",
}
