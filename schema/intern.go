// SPDX-License-Identifier: Apache-2.0

package schema

// interner gives one string for equal bytes, so that a batch of rows with the same few names allocates each once. It
// forgets all of them when it holds maxInterned.
type interner struct{ known map[string]string }

const maxInterned = 8_192

func (i *interner) intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := i.known[string(b)]; ok {
		return s
	}
	if i.known == nil || len(i.known) >= maxInterned {
		i.known = make(map[string]string, 64)
	}
	s := string(b)
	i.known[s] = s
	return s
}
