// SPDX-License-Identifier: Apache-2.0

package text

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMarkdown(t *testing.T) {
	for s, want := range map[string]string{
		"peer_reset 12.5 ms":      "peer_reset 12.5 ms",
		"10.0.0.5:5432":           "10.0.0.5:5432",
		"a|b":                     `a\|b`,
		"<script>x</script>":      `\<script\>x\</script\>`,
		"[a](javascript:x)":       `\[a\](javascript:x)`,
		"https://evil.example":    `https\://evil.example`,
		"www.evil.example":        `www\.evil.example`,
		"# heading":               `\# heading`,
		"- item":                  `\- item`,
		"1. item":                 `1\. item`,
		"2) item":                 `2\) item`,
		"_a_ *b* `c` ~~d~~ &amp;": "\\_a\\_ \\*b\\* \\`c\\` \\~\\~d\\~\\~ \\&amp;",
		"a\nb\x1b[2J\u202ec":      `a b�\[2J�c`,
		"---":                     `\---`,
	} {
		require.Equal(t, want, Markdown(s))
	}
}
