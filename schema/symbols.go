// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// PieceBytes bounds a piece of a symbol table, well under a broker's default limit of 1 MiB a message.
const PieceBytes = 512 << 10

// Symbol is a function: Offset is its distance from its module's base.
type Symbol struct {
	Offset uint64
	Name   string
}

// SymbolPiece is a message of the symbols topic: a part of the symbol table of one build. Pieces counts all parts,
// Piece is this one's index from 0. Hash is that of the whole table (SymbolHash), 0 from an agent that does not say it.
type SymbolPiece struct {
	BuildID string
	Module  string
	Piece   uint32
	Pieces  uint32
	Symbols []Symbol
	Hash    uint64
}

// SymbolHash hashes a symbol table: each symbol once, in the order of offsets and, at one offset, of names.
type SymbolHash struct{ digest xxhash.Digest }

// NewSymbolHash begins a hash.
func NewSymbolHash() *SymbolHash {
	h := &SymbolHash{}
	h.digest.Reset()
	return h
}

// Add hashes the next symbol.
func (h *SymbolHash) Add(offset uint64, name string) {
	var b [9]byte // the last byte ends the name
	binary.LittleEndian.PutUint64(b[:], offset)
	_, _ = h.digest.WriteString(name)
	_, _ = h.digest.Write(b[8:])
	_, _ = h.digest.Write(b[:8])
}

// Sum is the hash of what was added. It is never 0, which stands for no hash.
func (h *SymbolHash) Sum() uint64 { return max(h.digest.Sum64(), 1) }

func hashOf(symbols []Symbol) uint64 {
	sorted := slices.SortedFunc(slices.Values(symbols), func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Name, b.Name))
	})
	h := NewSymbolHash()
	for _, s := range slices.Compact(sorted) {
		h.Add(s.Offset, s.Name)
	}
	return h.Sum()
}

// Build is a message of the builds topic: all pieces of that build's symbol table are on the symbols topic.
type Build struct {
	BuildID string
	Module  string
	Pieces  uint32
	Symbols uint64
}

const (
	pieceFields    = 7
	oldPieceFields = 6 // without the hash
	buildFields    = 5
)

// EncodeSymbols cuts a symbol table into messages of at most PieceBytes (a single longer name excepted). Symbols are in
// the order of their offsets.
func EncodeSymbols(buildID, module string, symbols []Symbol) ([][]byte, error) {
	var cuts []int
	size := 0
	for i := range symbols {
		if cost := len(symbols[i].Name) + 10; size > 0 && size+cost > PieceBytes {
			cuts, size = append(cuts, i), cost
		} else {
			size += cost
		}
	}
	cuts = append(cuts, len(symbols))
	hash := hashOf(symbols)
	messages := make([][]byte, 0, len(cuts))
	from := 0
	for i, to := range cuts {
		m, err := encodePiece(&SymbolPiece{BuildID: buildID, Module: module, Piece: uint32(i), Pieces: uint32(len(cuts)), Symbols: symbols[from:to], Hash: hash})
		if err != nil {
			return nil, err
		}
		messages, from = append(messages, m), to
	}
	return messages, nil
}

func encodePiece(p *SymbolPiece) ([]byte, error) {
	w := newWriter()
	w.array(pieceFields)
	w.uint(Version)
	w.str(p.BuildID)
	w.str(p.Module)
	w.uint(uint64(p.Piece))
	w.uint(uint64(p.Pieces))
	w.array(2 * len(p.Symbols))
	last := uint64(0)
	for _, s := range p.Symbols {
		w.uint(s.Offset - last) // distances are short
		w.str(s.Name)
		last = s.Offset
	}
	w.uint(p.Hash)
	return w.buf.Bytes(), w.err
}

// DecodeSymbols reads a message of the symbols topic; its error is ErrMalformed.
func DecodeSymbols(message []byte) (*SymbolPiece, error) {
	r, n := openMessage(message, oldPieceFields)
	p := &SymbolPiece{BuildID: r.str(), Module: r.str(), Piece: uint32(r.uint(MaxPieces)), Pieces: uint32(r.uint(MaxPieces))}
	if r.err == nil && (p.BuildID == "" || len(p.BuildID) > maxBuildID || p.Piece >= p.Pieces) {
		r.fail("piece %d of %d of build %.64q with %d bytes", p.Piece, p.Pieces, p.BuildID, len(p.BuildID))
	}
	offset := uint64(0)
	for range r.array(2*MaxSymbols) / 2 {
		offset += r.uint(math.MaxUint64)
		p.Symbols = append(p.Symbols, Symbol{Offset: offset, Name: string(r.bytes(maxString))})
		if r.err != nil {
			break
		}
	}
	if n > oldPieceFields {
		p.Hash = r.uint(math.MaxUint64)
		n--
	}
	r.closeMessage(n - oldPieceFields)
	return p, r.err
}

// EncodeBuild makes the message of b.
func EncodeBuild(b *Build) ([]byte, error) {
	w := newWriter()
	w.array(buildFields)
	w.uint(Version)
	w.str(b.BuildID)
	w.str(b.Module)
	w.uint(uint64(b.Pieces))
	w.uint(b.Symbols)
	return w.buf.Bytes(), w.err
}

// DecodeBuild reads a message of the builds topic; its error is ErrMalformed.
func DecodeBuild(message []byte) (*Build, error) {
	r, n := openMessage(message, buildFields)
	b := &Build{BuildID: r.str(), Module: r.str(), Pieces: uint32(r.uint(MaxPieces)), Symbols: r.uint(math.MaxUint64)}
	if r.err == nil && b.BuildID == "" {
		r.fail("no build id")
	}
	r.closeMessage(n - buildFields)
	return b, r.err
}
