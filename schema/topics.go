// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"strconv"
	"time"
)

// The Kafka topics.
const (
	TopicEvents  = "tcpledger.events.v1"
	TopicMeta    = "tcpledger.meta.v1"
	TopicSymbols = "tcpledger.symbols.v1"
	TopicBuilds  = "tcpledger.builds.v1"
)

// HeaderSentAt is the Kafka header with the agent's wall clock when it sent the message: 8 bytes, big endian, nanoseconds
// since 1970. Beside the broker's append time it shows a clock that is far off.
const HeaderSentAt = "sent_at"

// Topic is how a topic is to be made. Configs are Kafka's own topic configurations.
type Topic struct {
	Name       string
	Partitions int // 0: the operator's choice
	Configs    map[string]string
}

// Topics lists what the programs need. No topic is compacted here: an operator whose broker compacts safely may set
// cleanup.policy=compact on TopicBuilds. Times are the broker's own on all of them: by an agent's clock that is ahead it
// would refuse the message for good, by one that is behind delete it early.
func Topics() []Topic {
	return []Topic{
		{Name: TopicEvents, Configs: kept(7 * 24 * time.Hour)},
		{Name: TopicMeta, Configs: kept(30 * 24 * time.Hour)},
		{Name: TopicSymbols, Partitions: 1, Configs: kept(forEver)},
		{Name: TopicBuilds, Partitions: 1, Configs: kept(forEver)},
	}
}

// forEver is Kafka's retention.ms without a limit.
const forEver = -time.Millisecond

func kept(d time.Duration) map[string]string {
	return map[string]string{"cleanup.policy": "delete", "retention.ms": strconv.FormatInt(d.Milliseconds(), 10), "retention.bytes": "-1",
		"message.timestamp.type": "LogAppendTime", "unclean.leader.election.enable": "false"}
}
