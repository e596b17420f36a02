// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// initialisms are written in capitals in Go's names.
var initialisms = map[string]string{"tcp": "TCP", "mptcp": "MPTCP"}

// camel turns reset_sent into ResetSent.
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if capitals, ok := initialisms[word]; ok {
			b.WriteString(capitals)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// snake turns OwnerHow into owner_how.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
