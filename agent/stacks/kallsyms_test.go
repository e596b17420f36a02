// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		in           string
		addr         uint64
		kind         byte
		name, module string
	}{
		{"ffffffff81000000 T _stext", 0xffffffff81000000, 'T', "_stext", ""},
		{"ffffffffc0000010 t init_one\t[e1000]", 0xffffffffc0000010, 't', "init_one", "e1000"},
		{"c0008000 t _stext", 0xc0008000, 't', "_stext", ""},
	} {
		l, ok := parseLine([]byte(c.in))
		require.True(t, ok)
		require.Equal(t, []any{c.addr, c.kind, c.name, c.module}, []any{l.addr, l.kind, string(l.name), string(l.module)})
	}
	for _, bad := range []string{"", " ", "x T a", "12", "12 T", "12 T ", "12345678901234567 T a", "FF T a", "1 T a\x00b"} {
		_, ok := parseLine([]byte(bad))
		require.False(t, ok, "%q", bad)
	}
}

func TestReadKallsymsSkipsWhatItCannotRead(t *testing.T) {
	k, err := readKallsyms(strings.NewReader("garbage\n" + strings.Repeat("x", 1<<20) + "\n1000 T good\n2000 T last"))
	require.NoError(t, err)
	require.Equal(t, []found{{0x1000, 0}, {0x2000, 5}}, *k.modules[""])
}

func FuzzKallsyms(f *testing.F) {
	f.Add([]byte(here.symbolsOf()))
	f.Add([]byte("0 T a\nffffffffffffffff T b\n1 t c\t[bpf]\nfffffffffffffff0 t d\t[m]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := readKallsyms(bytes.NewReader(b))
		if err != nil {
			return
		}
		table := k.table(identity{note: func(string) string { return "" }}, func(string) bool { return false })
		for i := range table.modules {
			m := &table.modules[i]
			require.NotEmpty(t, m.buildID)
			if i > 0 {
				require.LessOrEqual(t, table.modules[i-1].end, m.base)
			}
			for _, s := range m.symbols {
				name, offset, ok := table.nearest(m, m.base+uint64(s.offset))
				require.True(t, ok)
				require.Zero(t, offset)
				require.LessOrEqual(t, name, table.name(s.name))
			}
		}
	})
}

func BenchmarkReadKallsyms(b *testing.B) {
	r := NewResolver(os.DirFS("/"))
	for b.Loop() {
		if err := r.Read(); err != nil {
			b.Skip(err)
		}
	}
}
