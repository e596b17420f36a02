// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// deleteAfter finds in a table's engine after how many days its rows are deleted.
var deleteAfter = regexp.MustCompile(`toIntervalDay\((\d+)\)(?:,| SETTINGS|$)`)

// readTables notes the tables that are gone: their rows count as missing. It notes too whether rows of the window are older than they
// are kept: nobody can say then whether one is gone because of that.
func (a *auditor) readTables(ctx context.Context) error {
	q := Question{"tables of the rows", "SELECT name, engine_full AS engine FROM system.tables WHERE database = {database:String}", map[string]string{"database": a.client.database}}
	tables, err := ask[struct {
		Name   string `ch:"name"`
		Engine string `ch:"engine"`
	}](ctx, a.client, q)
	if err != nil {
		return err
	}
	var there []string
	for _, t := range tables {
		there = append(there, t.Name)
		isRows := slices.ContainsFunc(rowTables, func(r rowTable) bool { return t.Name == r.name || t.Name == r.name+"_local" })
		if found := deleteAfter.FindStringSubmatch(t.Engine); isRows && found != nil {
			days, err := strconv.Atoi(found[1])
			a.out.aged = a.out.aged || err == nil && a.window.From.Before(a.now.Add(-time.Duration(days)*24*time.Hour))
		}
	}
	for _, t := range rowTables {
		if !slices.Contains(there, t.name) {
			a.out.absent = append(a.out.absent, t.name)
		}
	}
	return nil
}
