// SPDX-License-Identifier: Apache-2.0

package retention

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/schema"
	"tcpledger/test/tables"
	"tcpledger/test/wait"
)

// coldVolume gives the server's tables a second volume, as docs/rollups.md shows it. A relative path begins in the server's folder.
const coldVolume = `<clickhouse>
  <storage_configuration>
    <disks><cold><path>cold/</path></cold></disks>
    <policies><tiered><volumes>
      <hot><disk>default</disk></hot>
      <cold><disk>cold</disk></cold>
    </volumes></tiered></policies>
  </storage_configuration>
  <merge_tree><storage_policy>tiered</storage_policy></merge_tree>
</clickhouse>
`

// Rows older than --cold move to the volume, are there as before, and younger ones stay.
func TestRowsMoveToTheColdVolume(t *testing.T) {
	o := clickhousetest.Options(t)
	folder := filepath.Join(o.DataDir, "config.d")
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cold.xml"), []byte(coldVolume), 0o644))
	flags, db := tables.Make(t, clickhousetest.StartAt(t, o).Addr(), schema.Database)
	for _, days := range []string{"20", "1"} {
		require.NoError(t, db.Exec(t.Context(), "INSERT INTO tcpledger.connections (closed_at, received_at, host, seq) SELECT now64(6) - INTERVAL "+days+" DAY AS at, at, 'web', number FROM numbers(100)"))
	}
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs([]string{"retention", "--clickhouse", flags.Addr, "--cold", "connections=14d", "--cold-volume", "cold", "--apply"})
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	require.Zero(t, program.Main(root), out.String())
	require.Regexp(t, `(?m)^connections +for 400 days, on cold after 14 days `, out.String())

	on := func(disk string) (rows uint64) {
		require.NoError(t, db.QueryRow(t.Context(), "SELECT sum(rows) FROM system.parts WHERE database = 'tcpledger' AND table = 'connections' AND active AND disk_name = ?", disk).Scan(&rows))
		return rows
	}
	require.Eventually(t, func() bool { return on("cold") == 100 && on("default") == 100 }, wait.Long, 100*time.Millisecond)
	var rows uint64
	require.NoError(t, db.QueryRow(t.Context(), "SELECT count() FROM tcpledger.connections FINAL").Scan(&rows))
	require.EqualValues(t, 200, rows)
	require.NoError(t, db.Migrate(t.Context(), nil), "the volume is the operator's")
}
