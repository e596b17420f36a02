// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tcpledger/test/wait"
)

var documentedRight = regexp.MustCompile("`--operation (\\w+) --(topic|group) (\\S+?)( --resource-pattern-type prefixed)?`")

// rights reads a principal's ACLs from docs/security.md.
func rights(t *testing.T, principal string) []kfake.ACL {
	t.Helper()
	var acls []kfake.ACL
	for line := range strings.Lines(read(t, filepath.Join(root, "docs/security.md"))) {
		if !strings.HasPrefix(line, "| "+principal+" |") {
			continue
		}
		for _, m := range documentedRight.FindAllStringSubmatch(line, -1) {
			acl := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: m[3], Pattern: kmsg.ACLResourcePatternTypeLiteral, Allow: true}
			if m[2] == "group" {
				acl.Resource = kmsg.ACLResourceTypeGroup
			}
			if m[4] != "" {
				acl.Pattern = kmsg.ACLResourcePatternTypePrefixed
			}
			var err error
			acl.Operation, err = kmsg.ParseACLOperation(m[1])
			require.NoError(t, err)
			acls = append(acls, acl)
		}
	}
	require.NotEmpty(t, acls, principal)
	return acls
}

// login is the arguments of a program that logs in as this principal, with the password in a file.
func login(t *testing.T, broker, user, password string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(password+"\n"), 0o600))
	return []string{"--brokers", broker, "--kafka-sasl", "scram-sha-512", "--kafka-user", user, "--kafka-password-file", file}
}

// The whole flow works with the rights that docs/security.md and users.xml give to each part, and with no other.
func TestLeastGrants(t *testing.T) {
	needKernel(t)
	const method = "SCRAM-SHA-512"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.User(method, "operator", "secret-of-the-operator", rights(t, "operator (`tcpledger topics --apply`)")...),
		kfake.User(method, "agent", "secret-of-the-agent", rights(t, "agent")...),
		kfake.User(method, "ingester", "secret-of-the-ingester", rights(t, "ingester")...))
	require.NoError(t, err)
	defer cluster.Close()
	broker := cluster.ListenAddrs()[0]
	topics := exec.CommandContext(t.Context(), program(t, "tcpledger"), append([]string{"topics", "--apply"}, login(t, broker, "operator", "secret-of-the-operator")...)...)
	out, err := topics.CombinedOutput()
	require.NoError(t, err, string(out))

	s := startServer(t)
	migrated, err := s.as(t, "tcpledger_migrator", "migrate", "--apply")
	require.NoError(t, err, migrated)
	writer := []string{"TCPLEDGER_CLICKHOUSE=" + s.native, "TCPLEDGER_CLICKHOUSE_USER=tcpledger", "TCPLEDGER_CLICKHOUSE_PASSWORD=" + passwords["tcpledger"],
		inClear, "TCPLEDGER_MIGRATE=false"}
	ingester := start(t, writer, "tcpledger-ingester", login(t, broker, "ingester", "secret-of-the-ingester")...)
	agent := start(t, nil, "tcpledger-agent", append(login(t, broker, "agent", "secret-of-the-agent"), "--symbols-delay", "0s")...)
	ingester.healthy(t)
	agent.healthy(t)
	for _, table := range []string{"connections", "hosts", "stacks", "symbols", "checkpoints"} {
		require.Eventually(t, func() bool {
			code, answer := s.ask(t, "reader", "SELECT count() FROM tcpledger."+table)
			require.Equal(t, http.StatusOK, code, answer)
			return answer != "0"
		}, wait.Long, 100*time.Millisecond, "no row in %s", table)
	}

	// The rollups run as the migrator, by ClickHouse itself.
	require.Eventually(t, func() bool {
		_, answer := s.ask(t, "default", "SELECT countIf(exception != ''), countIf(last_success_time > 0) > 0 FROM system.view_refreshes WHERE database = 'tcpledger'")
		return answer == "0\t1"
	}, wait.Long, 200*time.Millisecond)

	// No password is in what the programs said.
	for _, said := range []string{agent.said.String(), ingester.said.String(), string(out), migrated} {
		for _, password := range []string{"secret-of-the-operator", "secret-of-the-agent", "secret-of-the-ingester", passwords["tcpledger"], passwords["tcpledger_migrator"]} {
			require.NotContains(t, said, password)
		}
	}

	// An agent's principal reads no rows of others.
	spy := start(t, writer, "tcpledger-ingester", login(t, broker, "agent", "secret-of-the-agent")...)
	require.Eventually(t, func() bool { _, body := spy.get("/healthz"); return strings.Contains(body, "uthoriz") }, wait.Long, 100*time.Millisecond)
}
