// SPDX-License-Identifier: Apache-2.0

package schema

// The kernel's congestion states (enum tcp_ca_state) and timers (ICSK_TIME_…) that tell why a segment was sent again.
const (
	caRecovery       = 3
	caLoss           = 4
	timerNone        = 0
	timerTailLoss    = 5
	bitsOfCongestion = 8
)

// The bits of a TCP header's flags that say what a packet is.
const (
	TCPFlagSYN uint8 = 0x02
	TCPFlagACK uint8 = 0x10
)

// Why a segment was sent again: events.reason of a retransmit.
const (
	RetransmitTimeout       = "timeout"         // the retransmission timer fired
	RetransmitLossRecovery  = "loss_recovery"   // an acknowledgement let it out after a timeout or a smaller path MTU
	RetransmitFast          = "fast_retransmit" // acknowledgements said that it was lost (duplicates, SACK, RACK)
	RetransmitTailLossProbe = "tail_loss_probe" // no acknowledgement came for two round trips: a probe, to get one
)

// WhyRetransmitted names the reason of a retransmission from icsk_ca_state + 256 * icsk_pending as the segment was sent; "" if they do
// not tell. The kernel clears icsk_pending before it acts on the retransmission timer, but only after it acted on that of the probe.
func WhyRetransmitted(raw uint32) string {
	congestion, timer := raw&(1<<bitsOfCongestion-1), raw>>bitsOfCongestion
	switch {
	case congestion == caLoss && timer == timerNone:
		return RetransmitTimeout
	case congestion == caLoss:
		return RetransmitLossRecovery
	case congestion == caRecovery:
		return RetransmitFast
	case timer == timerTailLoss:
		return RetransmitTailLossProbe
	}
	return ""
}
