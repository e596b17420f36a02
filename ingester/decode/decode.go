// SPDX-License-Identifier: Apache-2.0

// Package decode reads the messages of the topics. A message that cannot be read is a fault with what its header says, so
// that what it held is counted; it never stops the rest.
package decode

import (
	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// Decoder reads messages one after the other; it is not safe for concurrent use.
type Decoder struct {
	batches *schema.BatchDecoder
	batch   schema.Batch
}

// New makes a decoder.
func New() *Decoder { return &Decoder{batches: schema.NewBatchDecoder()} }

// Events reads a message of the events topic. The batch is valid until the next call. Where the message cannot be read,
// fault says so with the numbers of its header, and the batch has the header as far as it could be read and no rows.
func (d *Decoder) Events(message []byte, fault *row.Fault) *schema.Batch {
	if err := d.batches.Decode(message, &d.batch); err != nil {
		fault.Add(row.FaultMalformed, err.Error(), d.batch.Ranges...)
	}
	return &d.batch
}

// Meta reads a message of the meta topic; nil, with a fault, where it cannot be read.
func (d *Decoder) Meta(message []byte, fault *row.Fault) *schema.Meta {
	m, err := schema.DecodeMeta(message)
	if err != nil {
		fault.Add(row.FaultMalformed, err.Error())
		return nil
	}
	return m
}

// Symbols reads a message of the symbols topic; nil, with a fault, where it cannot be read.
func (d *Decoder) Symbols(message []byte, fault *row.Fault) *schema.SymbolPiece {
	p, err := schema.DecodeSymbols(message)
	if err != nil {
		fault.Add(row.FaultMalformed, err.Error())
		return nil
	}
	return p
}
