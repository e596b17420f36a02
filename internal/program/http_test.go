// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

// serve runs a server until the test ends and checks that it ended well.
func serve(t *testing.T, h program.HTTP) string {
	t.Helper()
	server, err := h.Listen()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		_, err := net.Dial("tcp", server.Addr())
		require.Error(t, err, "the port is given back")
	})
	return "http://" + server.Addr()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestMetrics(t *testing.T) {
	url := serve(t, program.HTTP{Addr: "127.0.0.1:0", Registry: program.NewRegistry("tcpledger-probe")})
	response, err := http.Get(url + "/metrics")
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	require.Contains(t, families, "go_goroutines")
	require.Contains(t, families, "process_resident_memory_bytes")
	labels := map[string]string{}
	for _, label := range families["tcpledger_build_info"].GetMetric()[0].GetLabel() {
		labels[label.GetName()] = label.GetValue()
	}
	require.Equal(t, "tcpledger-probe", labels["program"])
	require.Equal(t, program.Version, labels["version"])
	require.NotEmpty(t, labels["revision"])
}

func TestHealth(t *testing.T) {
	var health program.Health
	failure := errors.New("connection refused")
	var kafka error
	health.Add("kafka", func() error { return kafka })
	health.Add("queue", func() error { return nil })
	url := serve(t, program.HTTP{Addr: "127.0.0.1:0", Health: &health})

	code, body := get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, code)
	require.JSONEq(t, `{"status":"ok","checks":{"kafka":"ok","queue":"ok"}}`, body)

	kafka = failure
	code, body = get(t, url+"/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.JSONEq(t, `{"status":"failing","checks":{"kafka":"connection refused","queue":"ok"}}`, body)
}

func TestExtraHandlersAndProfiles(t *testing.T) {
	status := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "loaded") })
	url := serve(t, program.HTTP{Addr: "127.0.0.1:0", Handlers: map[string]http.Handler{"GET /status": status}})
	_, body := get(t, url+"/status")
	require.Equal(t, "loaded", body)
	code, _ := get(t, url+"/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code, "profiles only on demand")

	url = serve(t, program.HTTP{Addr: "127.0.0.1:0", Pprof: true})
	code, body = get(t, url+"/debug/pprof/goroutine?debug=1")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "goroutine profile")
}

func TestPortInUseIsAnErrorBeforeAnythingStarts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()

	p := newProbe()
	var flags program.HTTPFlags
	flags.Register(p.root.Flags(), taken.Addr().String())
	p.root.RunE = func(*cobra.Command, []string) error {
		_, err := program.HTTP{Addr: flags.Listen}.Listen()
		return err
	}
	code, stderr := p.run()
	require.Equal(t, 2, code)
	require.Contains(t, stderr, taken.Addr().String()+" is in use")
	require.Contains(t, stderr, "--listen")

	_, err = program.HTTP{Addr: "127.0.0.1:none", Flag: "console-port"}.Listen()
	require.ErrorContains(t, err, "--console-port 127.0.0.1:none")
}

func TestNoAddressServesNothing(t *testing.T) {
	server, err := program.HTTP{}.Listen()
	require.NoError(t, err)
	require.Empty(t, server.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, server.Run(ctx))
	require.NoError(t, server.Close())
}
