// SPDX-License-Identifier: Apache-2.0

package kafkaconn

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// The values of --kafka-sasl.
const (
	none              = "none"
	mechanismPlain    = "plain"
	mechanismSCRAM256 = "scram-sha-256"
	mechanismSCRAM512 = "scram-sha-512"
)

// sasl is nil without a mechanism.
func (f *Flags) sasl() (sasl.Mechanism, error) {
	mechanism := none
	if f.mechanism != nil {
		mechanism = *f.mechanism
	}
	if (mechanism == none) != (f.User == "") {
		return nil, errors.New("--kafka-user and --kafka-sasl go together")
	}
	if mechanism == none {
		return nil, nil
	}
	// SCRAM proves that both know the password without showing it.
	if err := f.Password.Check(mechanism == mechanismPlain && !f.TLS.On); err != nil {
		return nil, err
	}
	m := &currentMechanism{flags: f, mechanism: mechanism}
	if _, err := m.now(); err != nil {
		return nil, err
	}
	return m, nil
}

// currentMechanism is a mechanism that reads the password anew for each login.
type currentMechanism struct {
	flags     *Flags
	mechanism string
}

// Name is what the broker knows the mechanism by.
func (c *currentMechanism) Name() string {
	switch c.mechanism {
	case mechanismSCRAM256:
		return scram.SHA256.Name()
	case mechanismSCRAM512:
		return scram.SHA512.Name()
	}
	return plain.Mechanism{}.Name()
}

// Start begins one login.
func (c *currentMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	mechanism, err := c.now()
	if err != nil {
		return nil, nil, err
	}
	return mechanism.Start(ctx)
}

// now makes the mechanism with the password of this moment.
func (c *currentMechanism) now() (sasl.Mechanism, error) {
	password, err := c.flags.Password.Read()
	if err != nil {
		return nil, err
	}
	algorithm := scram.SHA512
	switch c.mechanism {
	case mechanismPlain:
		return plain.Mechanism{Username: c.flags.User, Password: password}, nil
	case mechanismSCRAM256:
		algorithm = scram.SHA256
	}
	mechanism, err := scram.Mechanism(algorithm, c.flags.User, password)
	if err != nil {
		return nil, fmt.Errorf("--kafka-password: %w", err)
	}
	return mechanism, nil
}
