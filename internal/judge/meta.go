// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"

	"tcpledger/schema"
)

const (
	// maxFrames bounds the frames of one message: a row of a stack has five values for each.
	maxFrames = 65_536
	// maxName is longer than any symbol of a kernel.
	maxName = 1_024
)

// Meta reads a message of the meta topic and notes in r what cannot be stored. It holds what can; it is nil if nothing can.
func (j *Judge) Meta(m *Message, r *Reject) *schema.Meta {
	meta := decode(m, schema.DecodeMeta, r)
	if meta == nil || !keyed(m, meta.Host, r) {
		return nil
	}
	if detail := badBoot(meta.BootID); detail != "" {
		r.Add(BootID, detail)
		return nil
	}
	if meta.Agent.AgentVersion != "" {
		if detail := badTime(m, meta.At); detail != "" {
			r.Add(Time, detail)
			meta.Agent = schema.HostFacts{} // without a version there is no row of the host
		}
	}
	if detail := badMachine(meta.Agent.MachineID); detail != "" {
		r.Add(Malformed, detail)
		meta.Agent.MachineID = ""
	}
	frames := 0
	meta.Stacks = slices.DeleteFunc(meta.Stacks, func(s schema.Stack) bool {
		frames += len(s.Frames)
		switch id := schema.StackID(s.Frames); {
		case s.ID != id:
			r.Add(StackID, fmt.Sprintf("stack %d has frames of stack %d", s.ID, id))
		case frames > maxFrames:
			r.Add(Malformed, fmt.Sprintf("more than %d frames in one message", maxFrames))
		default:
			return false
		}
		return true
	})
	return meta
}

// Symbols reads a message of the symbols topic; nil, with the reason in r, if it cannot be stored.
func (j *Judge) Symbols(m *Message, r *Reject) *schema.SymbolPiece {
	p := decode(m, schema.DecodeSymbols, r)
	if p == nil || !keyed(m, p.BuildID, r) {
		return nil
	}
	for i := range p.Symbols {
		if len(p.Symbols[i].Name) > maxName {
			r.Add(Symbols, fmt.Sprintf("a name of %d bytes, at most %d", len(p.Symbols[i].Name), maxName))
			return nil
		}
	}
	return p
}

// Build reads a message of the builds topic; nil, with the reason in r, if it is not to be believed.
func (j *Judge) Build(m *Message, r *Reject) *schema.Build {
	b := decode(m, schema.DecodeBuild, r)
	if b == nil || !keyed(m, b.BuildID, r) {
		return nil
	}
	return b
}
