// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func said(name string, lines ...string) *Run {
	r := &Run{Kernel: name, Release: name + ".0-cloud"}
	for _, l := range lines {
		r.Line(l)
	}
	return r
}

func TestTheWorstRowIsTheCell(t *testing.T) {
	r := said("6.1", "VERDICT\tkilled\tunknown\tcause", "VERDICT\tkilled\tright\t", "VERDICT\thalf close\tright\t")
	require.Equal(t, cell{Unknown, "cause"}, r.cell("killed"))
	require.Empty(t, r.Wrongs([]string{"killed", "half close"}))
	r.Line("VERDICT\tkilled\twrong\tcause: want killed, got unknown")
	r.Line("VERDICT\tkilled\tunknown\tinitiator")
	require.Equal(t, []string{"killed: cause: want killed, got unknown", "never ran: no verdict"}, r.Wrongs([]string{"killed", "half close", "never ran"}))
}

func TestLinesOfNoTable(t *testing.T) {
	for _, l := range []string{"", "VERDICT", "VERDICT\tkilled\tmaybe\t", "VERDICT\tkilled\tright", "SHOWS\tx", "--- FAIL: VERDICT"} {
		r := &Run{}
		require.False(t, r.Line(l), l)
		require.Empty(t, r.cells)
	}
}

func TestTable(t *testing.T) {
	runs := []*Run{
		said("5.10", "VERDICT\tMPTCP\tskipped\tbuilt without", "VERDICT\tkilled\tright\t", "SHOWS\terrors\tno"),
		said("6.1", "VERDICT\tMPTCP\tright\t", "VERDICT\tkilled\twrong\ta|b", "SHOWS\terrors\tsome"),
	}
	require.Equal(t, strings.TrimPrefix(`
| scenario | 5.10 | 6.1 |
| --- | --- | --- |
| MPTCP | skipped (1) | right |
| killed | right | **wrong** (2) |

(1) built without

(2) a|b

| seen beside the rows | 5.10 | 6.1 |
| --- | --- | --- |
| release | `+"`5.10.0-cloud` | `6.1.0-cloud`"+` |
| errors | no | some |
`, "\n"), Table([]string{"MPTCP", "killed"}, runs))
}

func TestWriteTable(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(page, []byte("a\n"+tableBegins+"\nold\n"+tableEnds+"\nz\n"), 0o600))
	for range 2 {
		require.NoError(t, WriteTable(page, "new\n"))
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Equal(t, "a\n"+tableBegins+"\n\nnew\n\n"+tableEnds+"\nz\n", string(text))
	}
	require.NoError(t, os.WriteFile(page, []byte("no markers"), 0o600))
	require.Error(t, WriteTable(page, "new\n"))
}
