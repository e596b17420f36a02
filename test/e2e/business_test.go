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
	b.run(t, b.backend, filepath.Join(b.dir, "shop"), "-serve", b.backend, "-collector", b.collector, "-host", "e2e")
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

// orders sends n orders to addr, and returns the truth about each by its name.
func (b *business) orders(t *testing.T, addr string, n int) map[string]truth {
	t.Helper()
	cmd := exec.Command(filepath.Join(b.dir, "shop"), "-to", addr, "-n", fmt.Sprint(n), "-collector", b.collector, "-host", "e2e")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, "%s", errs.String())
	all := map[string]truth{}
	for scanner := bufio.NewScanner(bytes.NewReader(out)); scanner.Scan(); {
		var one truth
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &one))
		require.NotEmpty(t, one.Local, "%s was not sent", one.Order)
		all[one.Order] = one
	}
	require.Len(t, all, n)
	return all
}

// orderOf is the order that a line speaks of.
func orderOf(body string) string {
	i := strings.Index(body, "order-")
	if i < 0 {
		return ""
	}
	end := strings.IndexAny(body[i:], ` "`)
	if end < 0 {
		end = len(body) - i
	}
	return body[i : i+end]
}
