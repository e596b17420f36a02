// SPDX-License-Identifier: Apache-2.0

package schema

import "strings"

// Migration is one step of the database's history. Its statements are idempotent: a migration that was cut short is
// applied again from its beginning.
type Migration struct {
	Step       int
	Name       string
	Statements []string
}

// MigrationsTable records which steps were applied.
const MigrationsTable = "migrations"

// Migrations lists all steps in order for a database of that name. A step that was released is never changed; golden
// files hold them.
func Migrations(database string) []Migration {
	return []Migration{
		{Step: 1, Name: "create the tables", Statements: createAll(database)},
		{Step: 2, Name: "say how long a socket lingers", Statements: addColumns(database, 2)},
	}
}

// addColumns adds the columns of a step to all tables.
func addColumns(database string, step int) []string {
	var out []string
	for _, t := range Tables() {
		out = append(out, t.AlterSQL(database, step)...)
	}
	return out
}

func createAll(database string) []string {
	out := []string{"CREATE DATABASE IF NOT EXISTS " + database}
	out = append(out, "CREATE TABLE IF NOT EXISTS "+database+"."+MigrationsTable+
		" (`step` UInt32, `name` String, `applied_at` DateTime64(3, 'UTC') DEFAULT now64(3))"+
		" ENGINE = ReplacingMergeTree ORDER BY step")
	for _, t := range Tables() {
		out = append(out, t.CreateSQL(database))
	}
	for _, v := range views {
		out = append(out, strings.ReplaceAll(v, "{db}", database))
	}
	return out
}
