// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Path is the endings of one code path: that of the decisive stack. Path is the fingerprint of the function names, the stack's own
// id until all its frames have names, and 0 for endings without a stack. Symbols are the frames of one of its stacks, innermost
// first, empty if that stack is not symbolized yet.
type Path struct {
	Path    uint64   `ch:"path" json:"path"`
	StackID uint64   `ch:"stack" json:"stack_id"`
	Symbols []string `json:"symbols"`
	Counts
}

// Paths counts endings by code path, the top most frequent. It asks twice: for the paths, then for the frames of those. It looks
// up the stacks of the window only, whatever the table holds.
func (c *Client) Paths(ctx context.Context, w Window, f Filter, top int) ([]Path, error) {
	paths, err := c.pathsOf(ctx, w, f, top)
	if err != nil {
		return nil, err
	}
	var stacks []uint64
	for i := range paths {
		if paths[i].StackID != 0 {
			stacks = append(stacks, paths[i].StackID)
		}
	}
	symbols, err := c.Symbols(ctx, stacks)
	if err != nil {
		return nil, err
	}
	for i := range paths {
		paths[i].Symbols = symbols[paths[i].StackID]
	}
	return paths, nil
}

// pathsOf counts endings by code path, without their frames.
func (c *Client) pathsOf(ctx context.Context, w Window, f Filter, top int) ([]Path, error) {
	where := f.endings(w)
	with, columns, parameters := "", counted, where.parameters
	ended := fmt.Sprintf("SELECT stack_id, reset, duration_us, conn, bytes_sent, bytes_received, cause, initiator\n    FROM %s\n    WHERE %s",
		c.table("connections"), strings.ReplaceAll(where.String(), "\n", "\n    "))
	seen := fmt.Sprintf("SELECT stack_id FROM %s\n    WHERE %s", c.table("connections"), strings.ReplaceAll(where.String(), "\n", "\n    "))
	need := counts("stack_id")
	p, err := c.planned(ctx, ofEndings, w, where, need, 0)
	if err != nil {
		return nil, err
	}
	if p != nil {
		with, ended, parameters = p.sql(c, need)
		with, columns = with+",\n"+median+"\n", countedOf
		seen = "SELECT stack_id FROM\n    (\n" + ended + "\n    )"
	}
	return ask[Path](ctx, c, Question{"endings by code path", fmt.Sprintf(`%sSELECT if(fp = 0, stack_id, fp) AS path, min(stack_id) AS stack,
    %s
FROM
(
    %s
) AS cells
LEFT JOIN
(
    SELECT stack_id, fp FROM %s
    WHERE stack_id IN (%s)
) AS named USING (stack_id)
GROUP BY path
ORDER BY endings DESC, path
LIMIT %d`, with, columns, ended, c.table("stacks"), seen, top), parameters})
}

// Symbols gives the frames of stacks by their ids, innermost first. A stack that no row describes is left out.
func (c *Client) Symbols(ctx context.Context, stacks []uint64) (map[uint64][]string, error) {
	if len(stacks) == 0 {
		return map[uint64][]string{}, nil
	}
	ids := make([]string, len(stacks))
	for i, id := range stacks {
		ids[i] = strconv.FormatUint(id, 10)
	}
	rows, err := ask[struct {
		ID      uint64   `ch:"stack_id"`
		Symbols []string `ch:"symbols"`
	}](ctx, c, Question{"frames of stacks", fmt.Sprintf(`SELECT stack_id, symbols
FROM %s
WHERE stack_id IN {stacks:Array(UInt64)}
ORDER BY stack_id`, c.table("stacks")), map[string]string{"stacks": "[" + strings.Join(ids, ", ") + "]"}})
	out := make(map[uint64][]string, len(rows))
	for _, r := range rows {
		out[r.ID] = r.Symbols
	}
	return out, err
}
