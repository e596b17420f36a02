// SPDX-License-Identifier: Apache-2.0

package query_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"tcpledger/query"
)

func one[T any](ask1 func(context.Context, *query.Client, ask) (T, error)) question {
	return many(func(ctx context.Context, c *query.Client, a ask) ([]T, error) {
		row, err := ask1(ctx, c, a)
		return []T{row}, err
	})
}

func many[T any](ask1 func(context.Context, *query.Client, ask) ([]T, error)) question {
	return func(ctx context.Context, c *query.Client, a ask) (string, rows, error) {
		answer, err := ask1(ctx, c, a)
		var out rows
		for _, row := range answer {
			out = append(out, shown(row, a.by))
		}
		header := ""
		if len(out) > 0 {
			header = strings.Join(slices.Sorted(maps.Keys(out[0])), ", ")
		}
		return header, out, err
	}
}

// shown gives the cells of an answer's row by their names: those of the columns, and the dimensions of a group's key.
func shown(row any, by []query.Dimension) map[string]string {
	out := map[string]string{}
	show(reflect.ValueOf(row), by, out)
	return out
}

func show(v reflect.Value, by []query.Dimension, out map[string]string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("ch")
		switch {
		case !field.IsExported():
		case field.Anonymous:
			show(v.Field(i), by, out)
		case name == "key" && len(by) > 0:
			for j, value := range v.Field(i).Interface().([]string) {
				out[string(by[j])] = value
			}
		case name == "":
			out[strings.ToLower(field.Name)] = cell(v.Field(i).Interface())
		default:
			out[name] = cell(v.Field(i).Interface())
		}
	}
}

// cell writes a value on one line: a time of the scripts' day without its date, a list with blanks, a map in the order of its keys.
func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.UTC().Format(time.DateOnly) == evening.Format(time.DateOnly) {
			return v.UTC().Format("15:04:05.999999")
		}
		return v.UTC().Format("2006-01-02 15:04:05.999999")
	case netip.Addr:
		return v.Unmap().String()
	case *float64:
		if v == nil {
			return "NULL"
		}
		return fmt.Sprint(*v)
	case *uint64:
		if v == nil {
			return "NULL"
		}
		return fmt.Sprint(*v)
	case *int64:
		if v == nil {
			return "NULL"
		}
		return fmt.Sprint(*v)
	case *time.Time:
		if v == nil {
			return "NULL"
		}
		return cell(*v)
	case []string:
		return strings.Join(v, " < ")
	case [][]time.Time:
		var parts []string
		for _, span := range v {
			parts = append(parts, cell(span[0])+"-"+cell(span[1]))
		}
		return strings.Join(parts, ", ")
	case map[string]uint64:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, fmt.Sprintf("%s %d", key, v[key]))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}
