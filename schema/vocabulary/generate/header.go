// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	"tcpledger/schema/vocabulary"
)

// header is the C side of the vocabulary.
func header() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "/* %s(GPL-2.0-only OR BSD-2-Clause) */\n/* %s */\n#ifndef TCPLEDGER_VOCABULARY_H\n#define TCPLEDGER_VOCABULARY_H\n\n", license, notice)
	for _, c := range vocabulary.Constants {
		fmt.Fprintf(&b, "#define %s %dU\n", c.C, c.Value)
	}
	fmt.Fprintf(&b, "#define KINDS %dU /* slots a kind */\n", vocabulary.KindSlots())
	enumC(&b, "kind", func(line func(name string, value uint64, doc string)) {
		for _, k := range vocabulary.Kinds {
			if k.From != vocabulary.Bookkeeping {
				line("KIND_"+k.Name, uint64(k.Number), k.Doc)
			}
		}
	})
	for _, e := range vocabulary.Enums {
		enumC(&b, snake(e.Type), func(line func(string, uint64, string)) {
			for i, v := range e.Values {
				line(e.C+v.Name, uint64(e.First)+uint64(i), v.Doc)
			}
		})
	}
	for _, f := range vocabulary.FlagSets {
		enumC(&b, snake(f.Type), func(line func(string, uint64, string)) {
			for i, v := range f.Values {
				line(f.C+v.Name, 1<<i, v.Doc)
			}
		})
	}
	enumC(&b, "total", func(line func(string, uint64, string)) {
		for _, s := range slots() {
			line("TOTAL_"+strings.TrimSuffix(s.total.Name, "_"), uint64(s.first), s.total.Text)
		}
		line("TOTALS", uint64(slotCount()), "how many slots there are")
	})
	b.WriteString("\n#endif\n")
	return b.Bytes()
}

// enumC writes one enum, whose lines list gives.
func enumC(b *bytes.Buffer, name string, list func(line func(name string, value uint64, doc string))) {
	fmt.Fprintf(b, "\nenum %s {\n", name)
	list(func(name string, value uint64, doc string) {
		fmt.Fprintf(b, "\t%s = %d,", strings.ToUpper(name), value)
		if doc != "" {
			fmt.Fprintf(b, " /* %s */", doc)
		}
		fmt.Fprintln(b)
	})
	fmt.Fprintln(b, "};")
}

// slot is where a total of the hooks begins: one slot, or one for each kind.
type slot struct {
	total vocabulary.Total
	first uint32
}

func slots() []slot {
	var all []slot
	next := uint32(0)
	for _, t := range vocabulary.Totals {
		switch t.By {
		case vocabulary.ByHookFor:
			all = append(all, slot{t, next})
			next += vocabulary.KindSlots()
		case vocabulary.ByHook:
			all = append(all, slot{t, next})
			next++
		}
	}
	return all
}

func slotCount() uint32 {
	all := slots()
	return all[len(all)-1].first + 1
}
