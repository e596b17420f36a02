// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"tcpledger/schema/vocabulary"
)

// schemaConstants are the kinds, enums and flags that are on the wire, with the names that the tables hold.
func schemaConstants() string {
	var b strings.Builder
	b.WriteString(goHeader("schema"))
	b.WriteString("import \"tcpledger/schema/vocabulary\"\n\n")
	b.WriteString("// The kinds of record. Their numbers are part of the wire format.\nconst (\n")
	for _, k := range vocabulary.Kinds {
		if k.From != vocabulary.KernelAside {
			fmt.Fprintf(&b, "Kind%s Kind = %d // %s\n", camel(k.Name), k.Number, k.Doc)
		}
	}
	b.WriteString(")\n")
	for _, e := range vocabulary.Enums {
		enumGo(&b, e)
		fmt.Fprintf(&b, "\n// String gives the name in the tables.\nfunc (v %s) String() string { return vocabulary.%ss.Text(uint8(v)) }\n", e.Type, e.Type)
	}
	for _, f := range vocabulary.FlagSets {
		if f.Wire {
			flagsGo(&b, f)
		}
	}
	return b.String()
}

// bpfConstants are what the hooks write, as numbers alone.
func bpfConstants() string {
	var b strings.Builder
	b.WriteString(goHeader("bpf"))
	for _, c := range vocabulary.Constants {
		fmt.Fprintf(&b, "// %s %s.\nconst %s = %#x\n\n", c.Go, c.Doc, c.Go, c.Value)
	}
	fmt.Fprintf(&b, "// KindSlots is how many slots the hooks keep for each kind.\nconst KindSlots = %d\n", vocabulary.KindSlots())
	kindsGo(&b)
	for _, e := range vocabulary.Enums {
		enumGo(&b, e)
	}
	for _, f := range vocabulary.FlagSets {
		flagsGo(&b, f)
	}
	totalsGo(&b)
	return b.String()
}

func goHeader(name string) string {
	return fmt.Sprintf("// %sApache-2.0\n\n// %s\n\npackage %s\n\n", license, notice, name)
}

// kindsGo writes the kinds of the kernel side, and which of them are decoded as events.
func kindsGo(b *strings.Builder) {
	var events []string
	b.WriteString("\n// Kind says what a record is.\ntype Kind uint8\n\n// The kinds of record that the hooks and the agent's scan make.\nconst (\n")
	for _, k := range vocabulary.Kinds {
		if k.From == vocabulary.Bookkeeping {
			continue
		}
		fmt.Fprintf(b, "Kind%s Kind = %d // %s\n", camel(k.Name), k.Number, k.Doc)
		if k.From == vocabulary.Kernel && k.Event() {
			events = append(events, "1<<Kind"+camel(k.Name))
		}
	}
	fmt.Fprintf(b, ")\n\n// eventKinds has a bit for each kind that a hook writes as an event.\nconst eventKinds uint64 = %s\n", strings.Join(events, "|"))
}

func enumGo(b *strings.Builder, e *vocabulary.Enum) {
	fmt.Fprintf(b, "\n// %s %s.\ntype %s uint8\n\n// The values of %s.\nconst (\n", e.Type, e.Doc, e.Type, e.Type)
	for i, v := range e.Values {
		fmt.Fprintf(b, "%s%s %s = %d%s\n", e.Prefix, camel(v.Name), e.Type, int(e.First)+i, comment(v.Doc))
	}
	b.WriteString(")\n")
}

func flagsGo(b *strings.Builder, f *vocabulary.FlagSet) {
	fmt.Fprintf(b, "\n// %s %s.\ntype %s %s\n\n// The bits of %s.\nconst (\n", f.Type, f.Doc, f.Type, f.Base, f.Type)
	for i, v := range f.Values {
		fmt.Fprintf(b, "%s%s %s = 1 << %d%s\n", f.Prefix, camel(v.Name), f.Type, i, comment(v.Doc))
	}
	fmt.Fprintf(b, ")\n\n// Has reports whether all of these bits are set.\nfunc (f %s) Has(all %s) bool { return f&all == all }\n", f.Type, f.Type)
}

// totalsGo writes the slots of the hooks' totals, and the slot of each name.
func totalsGo(b *strings.Builder) {
	b.WriteString("\n// Total is a slot of the counters that only grow. To those that have a slot for each kind, add the kind.\ntype Total uint32\n\n// The totals of the hooks.\nconst (\n")
	for _, s := range slots() {
		fmt.Fprintf(b, "Total%s Total = %d // %s\n", camel(strings.TrimSuffix(s.total.Name, "_")), s.first, s.total.Text)
	}
	fmt.Fprintf(b, "totalSlots = %d\n)\n\n// totalNames gives each total in use its name in checkpoints.\nvar totalNames = map[Total]string{\n", slotCount())
	for _, s := range slots() {
		name := camel(strings.TrimSuffix(s.total.Name, "_"))
		if s.total.By == vocabulary.ByHook {
			fmt.Fprintf(b, "Total%s: %q,\n", name, s.total.Name)
			continue
		}
		for _, k := range vocabulary.Kinds {
			if k.From == vocabulary.Kernel {
				fmt.Fprintf(b, "Total%s + Total(Kind%s): %q,\n", name, camel(k.Name), s.total.Name+k.Name)
			}
		}
	}
	b.WriteString("}\n")
}

func comment(doc string) string {
	if doc == "" {
		return ""
	}
	return " // " + doc
}
