// SPDX-License-Identifier: Apache-2.0

package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/clickhouse/front"
	"tcpledger/internal/devstack/confine"
	"tcpledger/test/browser"
)

// stranger asks the server as another user of this machine does, and returns the answer.
func stranger(t *testing.T, server *clickhouse.Server, sql string) string {
	t.Helper()
	args := []string{"curl", "-sS", "--max-time", "30", "http://" + server.HTTPAddr() + "/", "--data-binary", sql}
	if os.Geteuid() == 0 {
		args = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, args...)
	}
	said, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
	require.NoError(t, err, string(said))
	return string(said)
}

// secret is a file outside the engine's folder that its user could read if nothing confined it, in a folder that it could write.
func secret(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tcpledger-confined-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o777))
	path := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(path, []byte("the secret\n"), 0o666))
	return path
}

func TestAStrangerTouchesNoFile(t *testing.T) {
	t.Setenv("SOMEBODYS_TOKEN", "the secret")
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	require.Equal(t, "1\n", stranger(t, server, "SELECT 1"), "programs of this machine are answered")
	require.Empty(t, stranger(t, server, "CREATE TABLE default.t (line String) ENGINE = MergeTree ORDER BY line"))
	outside := secret(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the secret\n") }))
	t.Cleanup(web.Close)

	refused := map[string]string{
		"read":             "SELECT * FROM file('/etc/shadow', 'LineAsString')",
		"read anybody's":   "SELECT * FROM file('" + outside + "', 'LineAsString')",
		"read by a way up": "SELECT * FROM file('../../../.." + outside + "', 'LineAsString')",
		"read into":        "INSERT INTO default.t SELECT * FROM file('" + outside + "', 'LineAsString')",
		"import":           "INSERT INTO default.t FROM INFILE '" + outside + "' FORMAT LineAsString",
		"write":            "INSERT INTO FUNCTION file('/root/tcpledger-was-here', 'LineAsString') VALUES ('x')",
		"write anybody's":  "INSERT INTO FUNCTION file('" + filepath.Dir(outside) + "/new', 'LineAsString') VALUES ('x')",
		"overwrite":        "INSERT INTO FUNCTION file('" + outside + "', 'LineAsString') SETTINGS engine_file_truncate_on_insert = 1 VALUES ('x')",
		"a disk":           "CREATE TABLE default.d (n UInt8) ENGINE = MergeTree ORDER BY n SETTINGS disk = disk(type = local, path = '" + filepath.Dir(outside) + "/')",
		"a backup":         "BACKUP TABLE default.t TO File('" + filepath.Dir(outside) + "/backup')",
		"a database":       "CREATE TABLE default.s ENGINE = SQLite('" + filepath.Dir(outside) + "/s.db', 't')",
		"another process":  fmt.Sprintf("SELECT * FROM file('/proc/%d/environ', 'LineAsString')", server.PID()),
		"the web":          "SELECT * FROM url('" + web.URL + "', 'LineAsString') SETTINGS http_max_tries = 1",
		"a server":         "SELECT * FROM remote('" + server.Addr() + "', system.one)",
		"a program":        "SELECT * FROM executable('/bin/id', 'LineAsString', 'line String')",
	}
	for name, sql := range refused {
		answer := stranger(t, server, sql)
		t.Logf("%s: %.120s", name, answer)
		require.Contains(t, answer, "xception", name)
		require.NotContains(t, answer, "the secret", name)
		require.NotContains(t, answer, "root:", name)
	}
	require.NoFileExists(t, "/root/tcpledger-was-here")
	left, err := os.ReadDir(filepath.Dir(outside))
	require.NoError(t, err)
	require.Len(t, left, 1)
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	require.Equal(t, "the secret\n", string(text))
	require.NotContains(t, stranger(t, server, "SELECT * FROM file('/proc/self/environ', 'LineAsString')"), "the secret", "the engine's own environment")
	require.Equal(t, "0\n", stranger(t, server, "SELECT count() FROM default.t"))
}

// Who is led to the engine's own ports behind the front gets no answer: the engine is in another network, or the connection is
// never made.
func TestTheEnginesOwnPortsAnswerNobody(t *testing.T) {
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	own := listening(t, engine(t, server), engine(t, server))
	require.Len(t, own, 2)
	for _, addr := range own {
		for _, from := range []string{"127.0.0.1", front.Host} {
			dialer := net.Dialer{Timeout: 500 * time.Millisecond, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			_, err := dialer.DialContext(t.Context(), "tcp4", addr)
			require.ErrorIs(t, err, syscall.ECONNREFUSED, "%s from %s", addr, from)
		}
	}
}

func TestTheEngineHasAUserAndAFolderOfItsOwn(t *testing.T) {
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	require.Empty(t, stranger(t, server, "CREATE TABLE default.t (n UInt8) ENGINE = MergeTree ORDER BY n"))
	require.Empty(t, stranger(t, server, "INSERT INTO default.t VALUES (1)"))
	uid := os.Geteuid()
	if own := confine.OwnUser(); own != 0 {
		uid = own
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d", engine(t, server)))
	require.NoError(t, err)
	require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid)
	require.NoError(t, filepath.WalkDir(o.DataDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			return err
		}
		if path == o.DataDir || entry.Name() == "config.xml" || entry.Name() == "users.xml" {
			require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid, path)
		}
		require.Zero(t, info.Mode().Perm()&0o077, "%s is open to others: %s", path, info.Mode())
		return nil
	}))
}

func TestABackupIsMadeAndRestored(t *testing.T) {
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	require.Empty(t, stranger(t, server, "CREATE TABLE default.t (n UInt8) ENGINE = MergeTree ORDER BY n"))
	require.Empty(t, stranger(t, server, "INSERT INTO default.t VALUES (1)"))
	require.Contains(t, stranger(t, server, "BACKUP TABLE default.t TO File('today')"), "BACKUP_CREATED")
	require.DirExists(t, filepath.Join(o.DataDir, "backups", "today"))
	require.Empty(t, stranger(t, server, "DROP TABLE default.t SYNC"))
	require.Contains(t, stranger(t, server, "RESTORE TABLE default.t FROM File('today')"), "RESTORED")
	require.Equal(t, "1\n", stranger(t, server, "SELECT count() FROM default.t"))
}

// Data of a version that ran the engine as root stays usable.
func TestAFolderThatWasRootsIsGivenToTheEngine(t *testing.T) {
	if confine.OwnUser() == 0 {
		t.Skip("the engine gets no user of its own here")
	}
	o := clickhousetest.Options(t)
	server := clickhousetest.StartAt(t, o)
	require.Empty(t, stranger(t, server, "CREATE TABLE default.t (n UInt8) ENGINE = MergeTree ORDER BY n"))
	require.Empty(t, stranger(t, server, "INSERT INTO default.t VALUES (1)"))
	require.NoError(t, server.Stop(t.Context()))
	require.NoError(t, filepath.WalkDir(o.DataDir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 0, 0)
	}))
	require.NoError(t, os.Chmod(o.DataDir, 0o755))
	server = clickhousetest.StartAt(t, o)
	require.Empty(t, stranger(t, server, "INSERT INTO default.t VALUES (2)"))
	require.Equal(t, "2\n", stranger(t, server, "SELECT count() FROM default.t"))
}

// hostile is a page of another site: it asks this machine's ports to make tables, every way that needs no leave. A port that never
// answers is given up.
const hostile = `<body><iframe name="frame"></iframe><script>
(async () => {
	const sql = "CREATE TABLE default.made_by_a_page (n UInt8) ENGINE = Memory";
	const ask = (url, options) => fetch(url, {...options, signal: AbortSignal.timeout(500)}).catch(() => {});
	for (const target of %s) {
		for (const mode of ["no-cors", "cors"]) await ask(target, {mode, method: "POST", body: sql});
		await ask(target + "?query=" + encodeURIComponent(sql), {mode: "no-cors"});
	}
	const form = document.createElement("form");
	form.method = "POST"; form.enctype = "text/plain"; form.target = "frame"; form.action = "%s";
	form.innerHTML = "<input name='" + sql + " -- ' value=''>";
	document.body.append(form); form.submit();
	await fetch("/done");
})()
</script></body>`

func TestNoWebPageGetsThrough(t *testing.T) {
	chromium := browser.Find(t)
	server := clickhousetest.StartAt(t, clickhousetest.Options(t))
	front := "http://" + server.HTTPAddr() + "/"
	targets := []string{front, "http://localhost:" + portOf(server.HTTPAddr()) + "/", "http://" + server.Addr() + "/"}
	for _, addr := range listening(t, engine(t, server), engine(t, server)) {
		targets = append(targets, "http://"+addr+"/")
	}
	list, err := json.Marshal(targets)
	require.NoError(t, err)
	done := make(chan struct{})
	page := http.NewServeMux()
	page.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, hostile, list, front) })
	page.HandleFunc("/done", func(http.ResponseWriter, *http.Request) { close(done) })
	evil := httptest.NewServer(page)
	t.Cleanup(evil.Close)
	browser.Visit(t, chromium, evil.URL, done)

	// DNS rebinding: the page's own name leads here.
	rebound := "http://evil.example:" + portOf(server.HTTPAddr())
	dom, _ := browser.Open(t, chromium, rebound+"/?query=SELECT+40%2B2", "--host-resolver-rules=MAP evil.example 127.0.0.1")
	require.Contains(t, dom, "evil.example")
	require.NotContains(t, dom, "42")

	require.Equal(t, "0\n", stranger(t, server, "SELECT count() FROM system.tables WHERE name = 'made_by_a_page'"))
	require.Equal(t, "1\n", stranger(t, server, "SELECT 1"), "the engine is still there")
	dom, _ = browser.Open(t, chromium, "http://"+server.HTTPAddr()+"/ping")
	require.Contains(t, dom, "Ok.", "a person may open the engine's own pages")
}

func portOf(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }
