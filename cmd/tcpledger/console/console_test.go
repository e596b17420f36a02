// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/clickhouse"
	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/devstack/port"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/test/browser"
	"tcpledger/test/tables"
	"tcpledger/test/wait"
)

// asProgram makes the test binary the console itself.
const asProgram = "as-console"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		cmd := program.Command("console", "", "")
		cmd.AddCommand(Command())
		cmd.SetArgs(append([]string{"console"}, os.Args[2:]...))
		os.Exit(program.Main(cmd))
	}
	clickhousetest.Main(m)
}

// rowsOfNow are endings of the last minute, one of a process that means harm.
const rowsOfNow = `INSERT INTO connections (closed_at, duration_us, host, session, stream, seq, conn, local_ip, local_port, remote_ip, remote_port, service_port, role, cause, initiator, error, reset, last_state, bytes_sent, bytes_received, owner_pid, owner_comm, weight, received_at)
SELECT now64(6) - 60 + number % 30, 1500, 'web-1', 7, 4, number % 30, 100 + number % 30, toIPv6('10.0.0.1'), 40000 + number % 30, toIPv6('10.0.0.5'), 5432, 5432, 'client', if(number % 3 = 0, 'peer_reset', 'peer_close'), 'peer', '', if(number % 3 = 0, 'received', 'none'), 'LAST_ACK', 1500, 123456, 321, '<script>alert(1)</script>', 1, now64(6) FROM numbers(60);
INSERT INTO checkpoints (at, host, session, run, phase, streams, next_seqs, totals, received_at) VALUES (now64(6), 'web-1', 7, 1, 'periodic', [4], [30], {}, now64(6));
INSERT INTO loss (at, host, session, stream, seq_from, seq_to, cause, received_at) VALUES (now64(6) - 5, 'web-1', 7, 5, 3, 7, 'ring_full', now64(6)), (now64(6) - 5, 'web-1', 7, 5, 9, 8, 'a_cause_with_a_name_that_is_wider_than_a_telephone', now64(6));
`

// serve runs the console command's own code on free ports and returns its address.
func serve(t *testing.T, ch clickhouse.Flags, broker string) string {
	t.Helper()
	free, err := port.Free()
	require.NoError(t, err)
	o := Options{Listen: port.Join(free), ClickHouse: ch, Kafka: kafkaconn.Flags{Brokers: []string{broker}}, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	base := "http://" + o.Listen
	require.Eventually(t, func() bool { return fetch(t, base+"/static/style.css") != "" }, wait.Long, 20*time.Millisecond)
	return base
}

// fetch returns a page, "" if nobody answers.
func fetch(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return string(body)
}

// shows returns the page once it shows text: on a busy machine the tables may not answer in time at first, which it says.
func shows(t *testing.T, address, text string) (page string) {
	t.Helper()
	require.Eventually(t, func() bool {
		page = fetch(t, address)
		return strings.Contains(page, text)
	}, wait.Long, 100*time.Millisecond, "%s does not show %q", address, text)
	return page
}

func kafkaBroker(t *testing.T) string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func TestConsoleOnRealRows(t *testing.T) {
	ch, db := tables.Start(t)
	base := serve(t, ch, kafkaBroker(t))
	require.Contains(t, shows(t, base+"/", "nothing ended; connections appear here"), "nothing was watched: no host sent a checkpoint")
	tables.Exec(t, db, "INSERT INTO checkpoints (at, host, session, run, phase, received_at) VALUES (now64(6) - 1, 'web-1', 7, 1, 'start', now64(6))")
	shows(t, base+"/", "no connection ended in this time")
	require.JSONEq(t, `{"status":"ok","checks":{"ClickHouse":"ok","Kafka":"ok","Rollups":"ok"}}`, fetch(t, base+"/healthz"))

	tables.Exec(t, db, rowsOfNow)
	page := shows(t, base+"/", "peer_reset")
	for _, want := range []string{
		"<b>30</b><span>endings</span>", "<b>10</b><span>with a reset</span><small>33.3 %</small>", "<b>5</b><span>records lost</span>",
		`<i class="c-peer_reset"></i>peer_reset <b>10</b>`, "10.0.0.5:5432", "1.5 ms", "121 KiB", "&lt;script&gt;alert(1)&lt;/script&gt; [321]",
		"<td>ring_full<td class=\"none\">captured and lost", `<span class="part up"><i></i>Kafka <small>1 broker</small></span>`, "1 host ·",
	} {
		require.Contains(t, page, want)
	}
	require.Equal(t, 30, strings.Count(page, `class="cause"`), "a replayed row is one row")
	require.Equal(t, 10, strings.Count(shows(t, base+"/?cause=peer_reset", "</table>"), `class="cause"`))
	require.Equal(t, 30, strings.Count(shows(t, base+"/?remote=10.0.0.0/24&host=web-1", "</table>"), `class="cause"`))
	shows(t, base+"/?host=web-2", "nothing ended that the filter lets through")

	t.Run("in a browser", func(t *testing.T) { inBrowser(t, base) })
	t.Run("another window", func(t *testing.T) {
		past := shows(t, base+"/?from=-2h&to=-1h", "nothing ended")
		require.Contains(t, past, "in this window")
		require.Contains(t, past, "later →")
		require.Equal(t, 30, strings.Count(shows(t, base+"/?from=-1h&to=now", "last 1h0m"), `class="cause"`))
		require.Contains(t, fetch(t, base+"/?from=23:61"), "from: &#34;23:61&#34; is no time: want")
	})
	t.Run("a part fails", func(t *testing.T) {
		require.NoError(t, db.Exec(t.Context(), "DROP TABLE "+db.Name+".loss"))
		page := shows(t, base+"/", "no answer: ask losses: code: 60")
		require.Contains(t, page, "<b>?</b><span>records lost</span>")
		require.Contains(t, page, "<b>30</b><span>endings</span>")
		require.Equal(t, 30, strings.Count(page, `class="cause"`))
	})
}

func inBrowser(t *testing.T, base string) {
	chromium := browser.Find(t)
	var refreshes atomic.Int32
	target, err := url.Parse(base)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.Request.Header.Get("Sec-Fetch-Dest") == "iframe" {
			r.Header.Del("Content-Security-Policy")
			r.Header.Del("X-Frame-Options")
		}
		return nil
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/now" {
			refreshes.Add(1)
		}
		if r.URL.Path == "/phone" {
			_, _ = io.WriteString(w, phone) // a browser that is gone fails by itself
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	shot := filepath.Join(t.TempDir(), "page.png")
	dom, log := browser.Open(t, chromium, front.URL+"/", "--screenshot="+shot, "--window-size=1280,1000")
	require.Empty(t, browser.Complaints(log))
	require.Equal(t, 30, strings.Count(dom, `class="cause"`))
	require.GreaterOrEqual(t, refreshes.Load(), int32(2), "the page puts what is new in its place by itself")
	require.Contains(t, dom, "&lt;script&gt;alert(1)&lt;/script&gt; [321]")
	before := refreshes.Load()
	dom, _ = browser.Open(t, chromium, front.URL+"/?from=-2h&to=-1h")
	require.Contains(t, dom, "does not change")
	require.Equal(t, before, refreshes.Load(), "a window of the past is asked for once")
	dom, _ = browser.Open(t, chromium, front.URL+"/phone")
	require.Contains(t, dom, "<title>390 of 390</title>", "the page does not scroll sideways")
}

// phone says how wide the page is on a screen of 390 points.
const phone = `<title></title><iframe src="/" width="390" height="2000" style="border:0"></iframe>
<script>onload = () => { const d = frames[0].document.documentElement; document.title = d.scrollWidth + " of " + d.clientWidth }</script>`

// The page says since when ClickHouse is away, and shows rows again once it is back.
func TestConsoleOutlivesClickHouse(t *testing.T) {
	o := clickhousetest.Options(t)
	ch := clickhouse.Flags{Addr: port.Join(o.TCPPort), User: "default", Database: "tcpledger"}
	base := serve(t, ch, kafkaBroker(t))
	require.Regexp(t, `ClickHouse does not answer since \d\d:\d\d:\d\d`, fetch(t, base+"/"))

	server := clickhousetest.StartAt(t, o)
	db, err := ch.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Migrate(t.Context(), nil))
	back := func() bool {
		page := fetch(t, base+"/now")
		return strings.Contains(page, "Latest endings") && !strings.Contains(page, "banner")
	}
	require.Eventually(t, back, wait.Long, 200*time.Millisecond)

	require.NoError(t, server.Kill())
	require.Eventually(t, func() bool { return !back() }, wait.Long, 200*time.Millisecond)
	first := since(fetch(t, base+"/now"))
	require.NotEmpty(t, first)
	require.Eventually(t, func() bool { return !strings.Contains(fetch(t, base+"/now"), "as of "+first) }, wait.Long, 200*time.Millisecond)
	require.Equal(t, first, since(fetch(t, base+"/now")), "since its beginning, not since the last look")

	clickhousetest.StartAt(t, o)
	require.Eventually(t, back, wait.Long, 200*time.Millisecond)
}

func since(page string) string {
	_, rest, _ := strings.Cut(page, "ClickHouse does not answer since ")
	at, _, _ := strings.Cut(rest, ".")
	return at
}

func TestConsoleBadInput(t *testing.T) {
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	for want, args := range map[string][]string{
		"is in use: stop what listens there or choose another with --listen": {"--listen", strings.TrimPrefix(taken.URL, "http://")},
		"--listen: want a host:port":                                         {"--listen", ""},
		"--brokers: ":                                                        {"--brokers", "nowhere"},
		"--clickhouse":                                                       {"--clickhouse", "nowhere"},
	} {
		code, _, errs := run(t, append([]string{"console"}, args...)...)
		require.Equal(t, 2, code, errs)
		require.Contains(t, errs, want)
	}
	code, _, errs := run(t, "console", "--listen", "127.0.0.1:0", "--check")
	require.Zero(t, code, errs)
}

// run runs the program as a person does.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs(args)
	var out, errs strings.Builder
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}
