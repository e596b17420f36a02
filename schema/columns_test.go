// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A released migration never changes: databases out there have applied it.
func TestMigrationsAreGolden(t *testing.T) {
	for i, m := range Migrations(Database) {
		require.Equal(t, i+1, m.Step)
		text := strings.Join(m.Statements, ";\n\n") + ";\n"
		path := filepath.Join("testdata", fmt.Sprintf("migration.%04d.sql", m.Step))
		if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		}
		golden, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(golden), text)
	}
}

func TestTables(t *testing.T) {
	for _, table := range Tables() {
		seen := map[string]bool{}
		for _, c := range table.Columns {
			require.False(t, seen[c.Name], "%s.%s twice", table.Name, c.Name)
			seen[c.Name] = true
			require.NotEmpty(t, c.Doc, "%s.%s", table.Name, c.Name)
			require.NotContains(t, c.Type, "Enum", "%s.%s", table.Name, c.Name)
		}
		require.Contains(t, table.Engine, "ReplacingMergeTree", table.Name)
		require.Contains(t, table.Setting, "fsync_after_insert = 1", table.Name)
	}
}

// The contract's columns, in its order.
func TestConnectionColumnsOfTheContract(t *testing.T) {
	want := strings.Fields(`closed_at duration_us connect_us opened_at host boot_id session stream seq cpu conn cookie netns
		netns_cookie flavour local_ip local_port remote_ip remote_port service_port role cause initiator error reset
		reset_reason last_state bytes_sent bytes_received bytes_unsent bytes_unacked bytes_unread segs_in segs_out
		retransmits srtt_us last_rx_age_ms last_tx_age_ms owner_pid owner_comm owner_uid owner_how owner_start owner_exe
		cgroup_id cgroup_how container_id k8s_namespace k8s_pod service ctx_pid ctx_comm ctx_kind stack_id user_stack_id
		weight clock_error_us clock_off received_at`)
	var got []string
	for _, c := range Connections().Columns {
		if c.Name != "errno" && c.Name != "reset_reason_raw" { // the raw numbers beside the names
			got = append(got, c.Name)
		}
	}
	require.Equal(t, want, got)
}
