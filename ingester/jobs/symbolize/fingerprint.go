// SPDX-License-Identifier: Apache-2.0

package symbolize

import (
	"github.com/cespare/xxhash/v2"

	"tcpledger/schema"
)

// fingerprint hashes the path of a stack: the same across kernel builds, and the same if people see the same path. It is
// never 0, which stands for a stack that is not resolved.
func fingerprint(names []string) uint64 {
	h := xxhash.New()
	for _, function := range schema.Path(names) {
		_, _ = h.WriteString(function)
		_, _ = h.Write([]byte{0})
	}
	if fp := h.Sum64(); fp != 0 {
		return fp
	}
	return 1
}
