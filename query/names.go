// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
)

// Name is what a statement can name: a table or a view, a column of one, or a function.
type Name struct {
	Kind string `ch:"kind"` // table, view, column or function
	Name string `ch:"name"`
	Of   string `ch:"of"` // the table of a column
	// Parameters are what a view has to be given, in the order of their names.
	Parameters []string `ch:"parameters"`
}

// Names lists the names that the user of the connection may see, tables first.
func (c *Client) Names(ctx context.Context) ([]Name, error) {
	return ask[Name](ctx, c, Question{"names", fmt.Sprintf(`SELECT *
FROM
(
    SELECT if(empty(parameterized_view_parameters), 'table', 'view') AS kind, name, '' AS of, arraySort(parameterized_view_parameters.name) AS parameters
    FROM system.tables WHERE database = {database:String} AND NOT endsWith(name, '_refresh') AND NOT startsWith(name, 'touched')
    UNION ALL
    SELECT 'column' AS kind, name, table AS of, [] AS parameters FROM system.columns WHERE database = {database:String}
    UNION ALL
    SELECT 'function' AS kind, arrayJoin(if(is_aggregate, [name, name || 'If'], [name])) AS name, '' AS of, [] AS parameters
    FROM system.functions WHERE alias_to = ''
)
ORDER BY indexOf(['table', 'view', 'column', 'function'], kind), of, name
LIMIT %d`, maxRows), map[string]string{"database": textParameter(c.database)}})
}
