// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"tcpledger/internal/text"
	"tcpledger/schema"
	"tcpledger/schema/vocabulary"
)

// flags lists the facts that hold; a bit from a newer agent is named by its number.
func flags(f schema.Flags) []string {
	out, names := []string{}, vocabulary.Evidence.Values
	for bit := range 32 {
		switch {
		case f&(1<<bit) == 0:
		case bit < len(names):
			out = append(out, names[bit].Name)
		default:
			out = append(out, fmt.Sprintf("bit_%d", bit))
		}
	}
	return out
}

// words are the names that do not follow from their letters.
var words = strings.NewReplacer("NetNS", "Netns", "SRTTUS", "SrttUS", "CPUs", "Cpus")

// snake gives the name of a field as the tables write it: "LastRxAgeMS" is last_rx_age_ms.
func snake(name string) string {
	letters := []rune(words.Replace(name))
	var b strings.Builder
	for i, r := range letters {
		next := i+1 < len(letters) && unicode.IsLower(letters[i+1])
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(letters[i-1]) || unicode.IsDigit(letters[i-1]) || next) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// named turns a schema value into what is shown: structs as objects in their order, numbers that stand for something as its
// name, what is absent as null.
func named(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case schema.Optional:
		if !x.Known {
			return nil
		}
		return x.Value
	case schema.Flags:
		return flags(x)
	case schema.Side:
		return []string{"", "local", "peer"}[min(x, 2)]
	case fmt.Stringer:
		if s := x.String(); s != "invalid IP" {
			return s
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		var o text.Object
		for i := range v.NumField() {
			o = append(o, text.Field{Name: snake(v.Type().Field(i).Name), Value: named(v.Field(i))})
		}
		return o
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = named(v.Index(i))
		}
		return list
	}
	return v.Interface()
}
