// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

// business is a real business beside tcpledger: an OpenTelemetry Collector that stores logs in the same ClickHouse, a backend that
// resets every second order, and nginx before it.
type business struct {
	c         *chain
	dir       string
	collector string // host:port of its OTLP receiver
	backend   string
	nginx     string
}

// collectorConfig receives OTLP and nginx's access log, and stores both as the exporter lays its tables out.
const collectorConfig = `receivers:
  otlp:
    protocols:
      http:
        endpoint: %[1]s
  filelog:
    include: [%[2]s]
    start_at: beginning
    poll_interval: 100ms
    resource:
      service.name: nginx
      host.name: e2e
    operators:
      - type: json_parser
        timestamp:
          parse_from: attributes.msec
          layout_type: epoch
          layout: s.ms
exporters:
  clickhouse:
    endpoint: tcp://%[3]s
    database: otel
    create_schema: true
service:
  pipelines:
    logs:
      receivers: [otlp, filelog]
      exporters: [clickhouse]
    traces:
      receivers: [otlp]
      exporters: [clickhouse]
`

// nginxConfig passes orders on, and writes the access log that nginx's manual calls JSON.
const nginxConfig = `pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
worker_processes 2;
events { worker_connections 512; }
http {
  client_body_temp_path %[1]s/t1; proxy_temp_path %[1]s/t2; fastcgi_temp_path %[1]s/t3; uwsgi_temp_path %[1]s/t4; scgi_temp_path %[1]s/t5;
  log_format json escape=json '{"msec":"$msec","pid":"$pid","remote_addr":"$remote_addr","remote_port":"$remote_port","server_addr":"$server_addr",'
    '"server_port":"$server_port","request":"$request","status":"$status","upstream_addr":"$upstream_addr"}';
  access_log %[1]s/access.log json;
  server { listen %[2]s; location / { proxy_pass http://%[3]s; } }
}
`

func startBusiness(t *testing.T, c *chain) *business {
	t.Helper()
	b := &business{c: c, dir: t.TempDir(), collector: freeAddress(t), backend: freeAddress(t), nginx: freeAddress(t)}
	begun := time.Now()
	build := exec.Command("go", "build", "-o", b.dir+"/", "./collector", "./shop")
	build.Dir = "../otel"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("the Collector is built in %s", time.Since(begun).Round(time.Second))

	b.write(t, "nginx.conf", fmt.Sprintf(nginxConfig, b.dir, b.nginx, b.backend))
	b.write(t, "access.log", "")
	b.write(t, "collector.yaml", fmt.Sprintf(collectorConfig, b.collector, b.dir+"/access.log", c.clickhouse))
	b.run(t, b.collector, filepath.Join(b.dir, "collector"), "--config", "file:"+b.dir+"/collector.yaml")
	b.run(t, b.backend, filepath.Join(b.dir, "shop"), "-serve", b.backend)
	b.run(t, b.nginx, "nginx", "-e", b.dir+"/error.log", "-c", b.dir+"/nginx.conf", "-g", "daemon off;")
	return b
}

func (b *business) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o644))
}

// run starts a program that ends with the test, and waits until it answers at addr.
func (b *business) run(t *testing.T, addr, name string, args ...string) {
	t.Helper()
	var said safeBuffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	ended := make(chan string, 1)
	go func() { _ = cmd.Wait(); ended <- cmd.ProcessState.String() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(wait.Long):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), said.String())
		}
	})
	require.Eventually(t, func() bool {
		if len(ended) > 0 {
			return true
		}
		conn, err := net.Dial("tcp", addr)
		return err == nil && conn.Close() == nil
	}, wait.Long, 100*time.Millisecond, "%s does not answer at %s", name, addr)
	require.Empty(t, ended, "%s ended: %s", name, &said)
}

// truth is what the shop knows of an order.
type truth struct{ Order, Local, Says string }

// shop is a shop that sends orders, of that name.
type shop struct {
	name      string
	container string   // in which it runs, "" for none
	args      []string // further ones
	n         int

	cmd       *exec.Cmd
	out, errs bytes.Buffer
}

// open starts the shop, which sends its orders to addr.
func (b *business) open(t *testing.T, addr string, s *shop) {
	t.Helper()
	args := append([]string{filepath.Join(b.dir, "shop"), "-to", addr, "-n", fmt.Sprint(s.n), "-name", s.name, "-collector", b.collector, "-host", "e2e"}, s.args...)
	if s.container != "" {
		args = append(contain(t, s.container), append(args, "-container", s.container)...)
	}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.errs
	require.NoError(t, s.cmd.Start())
}

// truths waits for the shop's end, and adds the truth about each order by its name.
func (s *shop) truths(t *testing.T, all map[string]truth) {
	t.Helper()
	require.NoError(t, s.cmd.Wait(), "%s", s.errs.String())
	before := len(all)
	for scanner := bufio.NewScanner(&s.out); scanner.Scan(); {
		var one truth
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &one))
		require.NotEmpty(t, one.Local, "%s was not sent", one.Order)
		all[one.Order] = one
	}
	require.Len(t, all, before+s.n)
}

// contain makes the control groups of a container, as Docker names them, in every hierarchy that names containers. What it returns before a
// command runs it in them.
func contain(t *testing.T, container string) []string {
	t.Helper()
	var groups []string
	for _, hierarchy := range []string{"", "unified", "memory"} {
		root := filepath.Join("/sys/fs/cgroup", hierarchy)
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		group := filepath.Join(root, "docker-"+container+".scope")
		require.NoError(t, os.Mkdir(group, 0o755))
		t.Cleanup(func() {
			require.Eventually(t, func() bool { return os.Remove(group) == nil }, wait.Long, 50*time.Millisecond)
		})
		groups = append(groups, group)
	}
	return append([]string{"sh", "-ec", `while [ "$1" != -- ]; do echo $$ >"$1"/cgroup.procs; shift; done; shift; exec "$@"`, "sh"}, append(groups, "--")...)
}

// orderOf is the order that a line speaks of.
func orderOf(body string) string {
	i := strings.Index(body, "order-")
	if i < 0 {
		return ""
	}
	end := strings.IndexAny(body[i:], ` ":`)
	if end < 0 {
		end = len(body) - i
	}
	return body[i : i+end]
}
