// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
	"tcpledger/schema"
)

// TestCookiesOfANamespace are a listener's if it is the only one that sent some. Of several on one address and port one has the count.
func TestCookiesOfANamespace(t *testing.T) {
	for name, c := range map[string]struct {
		ports []uint16
		want  []schema.Optional
	}{
		"one":                {[]uint16{80}, []schema.Optional{schema.Some(9)}},
		"one that is shared": {[]uint16{80, 80, 80}, []schema.Optional{schema.Some(9), schema.Some(0), schema.Some(0)}},
		"two":                {[]uint16{80, 443}, []schema.Optional{{}, {}}},
	} {
		var senders []*tally
		for _, port := range c.ports {
			senders = append(senders, &tally{sample: &bpf.Listening{Tuple: bpf.Tuple{LocalPort: port}}})
		}
		share(senders, 9)
		for i, l := range senders {
			require.Equal(t, c.want[i], l.cookiesSent, name)
		}
	}
}
