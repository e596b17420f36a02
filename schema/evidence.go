// SPDX-License-Identifier: Apache-2.0

package schema

// Evidence is all that Decide looks at, as the kernel showed it at `-> CLOSE` and, for the first FIN, when it was sent or
// received. ResetReason is the kernel's name (enum sk_rst_reason without its prefix), "" if the kernel gives none.
type Evidence struct {
	LastState      State
	Error          int32
	ErrorSoft      int32
	Shutdown       uint8 // sk_shutdown: 1 receive, 2 send
	Flags          Flags
	FirstFin       Side
	FirstFinFlags  Flags
	ResetReason    string
	ResetReasonRaw Optional
	TimerRetries   uint32 // icsk_retransmits
	ProbesOut      uint32 // icsk_probes_out
	SendWindow     uint32 // snd_wnd
}

// EndError is the error of the ending. The application may have taken the error of a connect() from the socket before it closed it, or
// not have asked: then it is the error that was reported to it, or else the soft one.
func (r *Connection) EndError() int32 {
	switch {
	case r.Error != 0 || r.LastState != StateSynSent:
		return r.Error
	case r.ErrorReported != 0:
		return r.ErrorReported
	}
	return r.ErrorSoft
}
