// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"tcpledger/ingester/row"
	"tcpledger/schema"
)

// decode reads a message with one of the schema's decoders. It gives nil and notes the error in reject if the message is
// malformed.
func decode[M any](message []byte, read func([]byte) (*M, error), reject *row.Reject) *M {
	m, err := read(message)
	if err != nil {
		reject.Add(row.RejectMalformed, err.Error())
		return nil
	}
	return m
}

// batchDecoder decodes the messages of the events topic. It is reused and not safe for concurrent use.
type batchDecoder struct {
	decoder *schema.BatchDecoder
	batch   schema.Batch
}

// decode reads one message. The batch is valid until the next call. A malformed message is noted in reject with the ranges
// of its header; the batch then has the header as far as it could be read, and no rows.
func (d *batchDecoder) decode(message []byte, reject *row.Reject) *schema.Batch {
	if err := d.decoder.Decode(message, &d.batch); err != nil {
		reject.Add(row.RejectMalformed, err.Error(), d.batch.Ranges...)
	}
	return &d.batch
}
