// SPDX-License-Identifier: Apache-2.0

package schema

import "fmt"

// Kind says what a record on the wire is. The numbers are part of the wire format and are never reused.
type Kind uint8

// The kinds of record. Those below KindCheckpoint are numbered (stream, seq): KindLingering by the agent, the others by
// the kernel side.
const (
	KindConnection       Kind = 1
	KindResetSent        Kind = 2
	KindResetReceived    Kind = 3
	KindDrop             Kind = 4
	KindRetransmit       Kind = 5
	KindRetransmitSynack Kind = 6
	KindError            Kind = 7
	KindState            Kind = 8
	KindSkbConsumed      Kind = 9
	KindLingering        Kind = 10
	KindCheckpoint       Kind = 32
	KindLoss             Kind = 33
)

var kindNames = map[Kind]string{
	KindConnection: "connection", KindResetSent: "reset_sent", KindResetReceived: "reset_received", KindDrop: "drop",
	KindRetransmit: "retransmit", KindRetransmitSynack: "retransmit_synack", KindError: "error", KindState: "state",
	KindSkbConsumed: "skb_consumed", KindLingering: "lingering", KindCheckpoint: "checkpoint", KindLoss: "loss",
}

// String gives the kind's name as users write it (`--enable`, `events.kind`).
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return fmt.Sprintf("kind_%d", uint8(k))
}

// IsEvent reports whether records of this kind are rows of the events table.
func (k Kind) IsEvent() bool { return k >= KindResetSent && k <= KindLingering }

// CaptureKinds lists what an agent can capture, in the order of the numbers.
func CaptureKinds() []Kind {
	kinds := make([]Kind, 0, int(KindLingering))
	for k := KindConnection; k <= KindLingering; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// ParseCaptureKind gives the captured kind with that name.
func ParseCaptureKind(name string) (Kind, error) {
	for _, k := range CaptureKinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown kind %q: one of %v", name, CaptureKinds())
}

// OnByDefault reports whether this kind is captured unless somebody says otherwise.
func (k Kind) OnByDefault() bool { return k != KindState && k != KindSkbConsumed }
