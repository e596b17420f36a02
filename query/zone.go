// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strings"

	"tcpledger/schema"
)

// InZone is a SELECT around another whose columns of these names are times: it shows them in the zone.
func InZone(statement, zone string, times []string) string {
	shown := make([]string, len(times))
	for i, name := range times {
		quoted := "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
		shown[i] = fmt.Sprintf("toTimeZone(%s, %s) AS %s", quoted, schema.Quote(zone), quoted)
	}
	return fmt.Sprintf("SELECT * REPLACE (%s) FROM (%s\n)", strings.Join(shown, ", "), statement)
}
