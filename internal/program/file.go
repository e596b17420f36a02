// SPDX-License-Identifier: Apache-2.0

package program

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

// maxConfigBytes bounds a configuration file: a few hundred times a real one.
const maxConfigBytes = 1 << 20

// readFile reads the configuration file at path; no path is no settings.
func readFile(path string, root *cobra.Command) (settings, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flagConfig, err)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flagConfig, err)
	}
	if len(content) > maxConfigBytes {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxConfigBytes)
	}
	return parseFile(path, content, treeFlags(root))
}

// parseFile reads a YAML mapping of flag names; known are the names that are allowed.
func parseFile(path string, content []byte, known map[string]bool) (settings, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	top := document.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: want a mapping of flag names", path, top.Line)
	}
	found := settings{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		at, name := fmt.Sprintf("%s:%d", path, key.Line), today(key.Value)
		if !known[name] {
			return nil, fmt.Errorf("%s: unknown key %q%s", at, key.Value, suggestion(key.Value, slices.Sorted(maps.Keys(known)), ""))
		}
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("%s: key %q stands here twice", at, name)
		}
		values, err := nodeValues(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", at, key.Value, err)
		}
		from := setting{values: values, source: at}
		if name != key.Value {
			from.old = key.Value
		}
		found[name] = from
	}
	return found, nil
}

// nodeValues takes a scalar or a list of scalars.
func nodeValues(n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, errors.New("has no value")
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode:
		values := make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return nil, errors.New("want a list of plain values")
			}
			values = append(values, item.Value)
		}
		return values, nil
	}
	return nil, errors.New("want one value or a list of values")
}
