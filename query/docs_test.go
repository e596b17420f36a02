// SPDX-License-Identifier: Apache-2.0

package query

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
)

// proofBlock is what docs/losses.md shows between its marks.
var proofBlock = regexp.MustCompile("(?s)(<!-- The proof: .*? -->\n\n```sql\n)(.*?)(```\n\n<!-- End of the proof. -->)")

// docs/losses.md shows the question that Client.Proof asks, with the ends of a window in place of the parameters.
func TestTheProofOfTheDocument(t *testing.T) {
	const page = "../docs/losses.md"
	question := New(nil, schema.Database, 0).proofQuestion(Window{}, Filter{})
	sql := strings.NewReplacer("`", "", paramFrom, "toDateTime64('2026-11-23 14:00:00', 6, 'UTC')", paramTo, "toDateTime64('2026-11-23 14:10:00', 6, 'UTC')").
		Replace(question.SQL) + "\nSETTINGS final = 1\n"
	content, err := os.ReadFile(page)
	require.NoError(t, err)
	shown := proofBlock.FindSubmatch(content)
	require.NotNil(t, shown, "%s has no marks of the proof", page)
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		text := strings.Replace(string(content), string(shown[0]), string(shown[1])+sql+string(shown[3]), 1)
		require.NoError(t, os.WriteFile(page, []byte(text), 0o600))
		return
	}
	require.Equal(t, sql, string(shown[2]), "%s is stale: make generate", page)
}
