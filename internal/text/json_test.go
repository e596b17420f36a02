// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObjectsKeepTheirOrder(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, WriteJSON(&b, Object{{"z", 1}, {"a", Object{{"y", nil}, {"b", []string{"<x>"}}}}, {"e", Object{}}}))
	require.Equal(t, `{
  "z": 1,
  "a": {
    "y": null,
    "b": [
      "\u003cx\u003e"
    ]
  },
  "e": {}
}
`, b.String())
	require.ErrorContains(t, WriteJSON(&b, Object{{"f", func() {}}}), "write JSON: ")
	require.ErrorIs(t, WriteJSON(failing{}, 1), errFull)
}

var errFull = errors.New("full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// A terminal gets nothing that it acts on, a program every character.
func FuzzWriteJSON(f *testing.F) {
	for _, s := range []string{"a", "\x1b[2J\x07", "\u202eevil", "\u009b1m", "\U000e0041", "\x7f", "é漢", "a\nb\t", "\\u202e", "�"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		require.NoError(t, WriteJSON(&b, Object{{s, s}}))
		for _, r := range b.String() {
			require.True(t, r == '\n' || Printable(string(r)) == string(r), "%q", r)
		}
		plain, err := json.Marshal(s)
		require.NoError(t, err)
		var want string
		require.NoError(t, json.Unmarshal(plain, &want))
		var got map[string]string
		require.NoError(t, json.Unmarshal(b.Bytes(), &got))
		require.Equal(t, map[string]string{want: want}, got)
	})
}
