// SPDX-License-Identifier: Apache-2.0

package kafkaconn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
)

// minRenewal is longer than the second that a broker wants between two logins of a connection.
const minRenewal = 1100 * time.Millisecond

// login is what the login of one connection needs. It does what kafka-go does for Transport.SASL, and keeps the lifetime that
// the broker answers; kafka-go drops it. The caller sets the deadlines of the connection.
type login struct {
	wire      *protocol.Conn
	mechanism sasl.Mechanism
}

// negotiate chooses the versions of the requests. It comes before the first run.
func (l *login) negotiate() error {
	answer, err := l.wire.RoundTrip(new(apiversions.Request))
	if err != nil {
		return err
	}
	offered := answer.(*apiversions.Response)
	if offered.ErrorCode != 0 {
		return kafka.Error(offered.ErrorCode)
	}
	versions := make(map[protocol.ApiKey]int16, len(offered.ApiKeys))
	for _, offer := range offered.ApiKeys {
		key := protocol.ApiKey(offer.ApiKey)
		versions[key] = key.SelectVersion(offer.MinVersion, offer.MaxVersion)
	}
	l.wire.SetVersions(versions)
	return nil
}

// run logs in and returns the time to log in again: zero if the login does not end.
func (l *login) run(ctx context.Context) (time.Time, error) {
	began := time.Now()
	answer, err := l.wire.RoundTrip(&saslhandshake.Request{Mechanism: l.mechanism.Name()})
	if err != nil {
		return time.Time{}, err
	}
	if code := answer.(*saslhandshake.Response).ErrorCode; code != 0 {
		return time.Time{}, kafka.Error(code)
	}
	state, bytes, err := l.mechanism.Start(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for {
		answer, err := l.exchange(bytes)
		if err != nil {
			return time.Time{}, err
		}
		var done bool
		if done, bytes, err = state.Next(ctx, answer.AuthBytes); err != nil {
			return time.Time{}, err
		}
		if done {
			return renewal(began, time.Duration(answer.SessionLifetimeMs)*time.Millisecond), nil
		}
	}
}

// exchange sends one message of the mechanism. A broker may close the connection instead of an answer.
func (l *login) exchange(bytes []byte) (*saslauthenticate.Response, error) {
	received, err := l.wire.RoundTrip(&saslauthenticate.Request{AuthBytes: bytes})
	if errors.Is(err, io.EOF) {
		return nil, kafka.SASLAuthenticationFailed
	}
	if err != nil {
		return nil, err
	}
	answer := received.(*saslauthenticate.Response)
	if answer.ErrorCode != 0 {
		return nil, fmt.Errorf("%w: %s", kafka.Error(answer.ErrorCode), answer.ErrorMessage)
	}
	return answer, nil
}

// renewal is the time to log in again after a login that lasts for lifetime, zero if lifetime is. The broker accepts a login after
// the lifetime too, as the next request.
func renewal(began time.Time, lifetime time.Duration) time.Time {
	if lifetime <= 0 {
		return time.Time{}
	}
	return began.Add(max(lifetime/5*4, minRenewal))
}
