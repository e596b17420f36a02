// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/spf13/cobra"

	"tcpledger/agent/capture"
	"tcpledger/internal/program"
)

// status is what GET /status answers. Session and run are decimal text: they do not fit JavaScript's numbers. Metrics are
// the agent's own, as name{label="value"}.
type status struct {
	Version string             `json:"version"`
	Host    string             `json:"host"`
	BootID  string             `json:"boot_id"`
	Session string             `json:"session"`
	Run     string             `json:"run"`
	Since   time.Time          `json:"since"`
	Kinds   []string           `json:"kinds"`
	Kernel  capture.Status     `json:"kernel"`
	Metrics map[string]float64 `json:"metrics"`
}

func session(n uint64) string { return strconv.FormatUint(n, 10) }

func (a *agent) serveStatus(w http.ResponseWriter, _ *http.Request) {
	answer := status{Version: program.Version, Host: a.header.Host, BootID: a.header.BootID, Session: session(a.header.Session),
		Run: session(a.header.Run), Since: a.began.UTC(), Kinds: a.options.kinds()}
	var err error
	if answer.Kernel, err = a.capture.Status(); err == nil {
		answer.Metrics, err = a.metrics()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(&answer) // an error means that the client went away
}

// metrics gives the agent's own counters and gauges, without the Go runtime's.
func (a *agent) metrics() (map[string]float64, error) {
	families, err := a.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if value, ok := valueOf(m); ok && isOwn(family.GetName()) {
				values[family.GetName()+labels(m)] = value
			}
		}
	}
	return values, nil
}

func valueOf(m *dto.Metric) (float64, bool) {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue(), true
	case m.Gauge != nil:
		return m.Gauge.GetValue(), true
	}
	return 0, false
}

func statusCommand() *cobra.Command {
	var listen string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the running agent has loaded into the kernel, what that costs, and what it counted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			body, err := fetchStatus(cmd.Context(), listen)
			if err != nil {
				return err
			}
			if asJSON {
				_, err := cmd.OutOrStdout().Write(body)
				return err
			}
			return printStatus(cmd.OutOrStdout(), body)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", defaultListen, "`host:port` the agent listens on")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the agent's answer as it is")
	return cmd
}

func fetchStatus(ctx context.Context, listen string) ([]byte, error) {
	if _, _, err := net.SplitHostPort(listen); err != nil {
		return nil, program.UsageError(fmt.Errorf("--listen %s: %w", listen, err))
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/status", nil)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no agent answers on %s: start it, or say where it listens with --listen", listen)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or given up
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return nil, fmt.Errorf("read the agent's answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the agent on %s answers %s: %s", listen, response.Status, body)
	}
	return body, nil
}
