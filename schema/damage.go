// SPDX-License-Identifier: Apache-2.0

package schema

import "fmt"

// damaged are the server's error codes for a part whose files are not as they were written (src/Common/ErrorCodes.cpp).
var damaged = map[int32]bool{
	27:  true, // CANNOT_PARSE_INPUT_ASSERTION_FAILED: a file of a part is empty
	32:  true, // ATTEMPT_TO_READ_AFTER_EOF
	33:  true, // CANNOT_READ_ALL_DATA
	40:  true, // CHECKSUM_DOESNT_MATCH
	107: true, // FILE_DOESNT_EXIST
	226: true, // NO_FILE_IN_DATA_PART
	228: true, // BAD_SIZE_OF_FILE_IN_DATA_PART
	246: true, // CORRUPTED_DATA
}

// Damaged reports whether a question that ClickHouse ended with that code met a part that cannot be read.
func Damaged(code int32) bool { return damaged[code] }

// DamageHint says what to do then.
const DamageHint = "a part of a table is broken: docs/troubleshooting.md, broken parts"

// Recomputed lists the tables that ClickHouse computes from rows: what is broken in one can be made anew.
func Recomputed() []string {
	out := []string{Touched().Name}
	for _, r := range Rollups() {
		out = append(out, r.Name)
	}
	return out
}

// Renote is an INSERT that asks for every unit of the rollup anew, as far as there are rows: the views compute what runs first, and the
// rest bit by bit.
func (r *Rollup) Renote(t Target) string {
	return t.render(fmt.Sprintf("INSERT INTO {db}.touched{local} SELECT %s, toStartOfFiveMinutes(%s) AS bucket, now64(3) FROM {db}.%s{local} GROUP BY bucket SETTINGS final = 0",
		Quote(r.Name), r.SourceTime(), r.SourceTable()))
}
