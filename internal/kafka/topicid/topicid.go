// SPDX-License-Identifier: Apache-2.0

// Package topicid asks Kafka for the ids of topics. A topic that was made anew has the name of the old one and another id;
// kafka-go does not speak the version of the protocol that says so.
package topicid

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

const (
	apiMetadata = 3
	apiVersions = 18
	version     = 10 // the first with ids
	maxAnswer   = 16 << 20
	idSize      = 16
)

// Ask gives the id of each topic in hex. A topic that does not exist, and every topic of a broker older than 2.8, has none.
func Ask(ctx context.Context, transport *kafka.Transport, addr net.Addr, topics []string) (map[string]string, error) {
	answer, err := transport.RoundTrip(ctx, addr, &exchange{Request: &metadata.Request{TopicNames: topics}})
	if err != nil {
		return nil, fmt.Errorf("ask for topic ids: %w", err)
	}
	return answer.(*ids).byName, nil
}

// exchange is a metadata request that writes itself and reads its answer.
type exchange struct{ *metadata.Request }

var _ protocol.RawExchanger = (*exchange)(nil)

// Required says that kafka-go cannot do the exchange.
func (*exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// ids is the answer as a protocol.Message, which the embedded type makes it.
type ids struct {
	metadata.Response
	byName map[string]string
}

// RawExchange asks whether the broker knows ids, and for them.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	answer, err := roundTrip(rw, apiVersions, 0, nil)
	if err != nil {
		return nil, err
	}
	if !knowsIDs(answer) {
		return &ids{byName: map[string]string{}}, nil
	}
	body := []byte{0} // the tags of the header
	body = binary.AppendUvarint(body, uint64(len(e.TopicNames))+1)
	for _, name := range e.TopicNames {
		body = append(body, make([]byte, idSize)...) // asked for by name
		body = binary.AppendUvarint(body, uint64(len(name))+1)
		body = append(append(body, name...), 0)
	}
	body = append(body, 0, 0, 0, 0) // make no topics, list no operations, no tags
	if answer, err = roundTrip(rw, apiMetadata, version, body); err != nil {
		return nil, err
	}
	return parse(answer)
}

// roundTrip sends one request and gives the answer behind its correlation id.
func roundTrip(rw io.ReadWriter, api, version uint16, body []byte) ([]byte, error) {
	request := binary.BigEndian.AppendUint16(make([]byte, 4), api)
	request = binary.BigEndian.AppendUint16(request, version)
	request = append(request, 0, 0, 0, 1, 0xff, 0xff) // correlation id, no client id
	request = append(request, body...)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 4 || n > maxAnswer {
		return nil, fmt.Errorf("%w: %d bytes", errAnswer, n)
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(rw, answer); err != nil {
		return nil, err
	}
	return answer[4:], nil
}

var errAnswer = errors.New("malformed answer to a metadata request")

// knowsIDs reads an answer of the list of APIs.
func knowsIDs(answer []byte) bool {
	r := reader{left: answer}
	if r.uint(2) != 0 {
		return false
	}
	for range r.uint(4) {
		api, lowest, highest := r.uint(2), r.uint(2), r.uint(2)
		if r.err != nil {
			return false
		}
		if api == apiMetadata {
			return lowest <= version && version <= highest
		}
	}
	return false
}

// parse reads an answer with metadata.
func parse(answer []byte) (*ids, error) {
	r := reader{left: answer}
	r.tags()
	r.uint(4) // throttle
	for range r.count() {
		r.skip(4)
		r.text()
		r.skip(4)
		r.text()
		r.tags()
	}
	r.text() // the cluster's id
	r.skip(4)
	out := &ids{byName: map[string]string{}}
	for range r.count() {
		r.topic(out.byName)
	}
	return out, r.err
}

func (r *reader) topic(byName map[string]string) {
	r.skip(2) // the error: a topic that is not there has no id
	name, id := r.text(), r.bytes(idSize)
	r.skip(1)
	for range r.count() {
		r.skip(2 + 4 + 4 + 4)
		for range 3 { // replicas, those in sync, those away
			r.skip(4 * r.count())
		}
		r.tags()
	}
	r.skip(4)
	r.tags()
	if r.err == nil && string(id) != string(make([]byte, idSize)) {
		byName[name] = hex.EncodeToString(id)
	}
}
