// SPDX-License-Identifier: Apache-2.0

package bpf

// Kind says what a record is. The numbers are those of record.h.
type Kind uint8

// The record kinds. Lingering is made by the agent's scan, never by a hook;
// StackKind is the only one without a number.
const (
	KindConnection        Kind = 1
	KindResetSent         Kind = 2
	KindResetReceived     Kind = 3
	KindDrop              Kind = 4
	KindRetransmit        Kind = 5
	KindRetransmitSynack  Kind = 6
	KindError             Kind = 7
	KindState             Kind = 8
	KindSkbConsumed       Kind = 9
	KindLingering         Kind = 10
	KindStack             Kind = 64
	kindSlots                  = 16
	firstKind, lastKernel      = KindConnection, KindSkbConsumed
)

var kindNames = map[Kind]string{
	KindConnection:       "connection",
	KindResetSent:        "reset_sent",
	KindResetReceived:    "reset_received",
	KindDrop:             "drop",
	KindRetransmit:       "retransmit",
	KindRetransmitSynack: "retransmit_synack",
	KindError:            "error",
	KindState:            "state",
	KindSkbConsumed:      "skb_consumed",
	KindLingering:        "lingering",
	KindStack:            "stack",
}

// String is the kind's name as it stands in tables and flags, or "unknown".
func (k Kind) String() string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return "unknown"
}

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, bool) {
	for kind, known := range kindNames {
		if known == name {
			return kind, true
		}
	}
	return 0, false
}

// KernelKinds lists the numbered kinds that hooks emit, in order.
func KernelKinds() []Kind {
	var kinds []Kind
	for kind := firstKind; kind <= lastKernel; kind++ {
		kinds = append(kinds, kind)
	}
	return kinds
}
