// SPDX-License-Identifier: Apache-2.0

package program

import (
	"encoding/json"
	"net/http"
	"sync"
)

// Health is the set of named checks behind /healthz. It is safe for concurrent use; the zero value is healthy.
type Health struct {
	mu     sync.Mutex
	checks map[string]func() error
}

// Add names a check, replacing one of the same name. The check must answer at once, from what the program already knows
// (Outage.Err is one): it runs at every request.
func (h *Health) Add(name string, check func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.checks == nil {
		h.checks = map[string]func() error{}
	}
	h.checks[name] = check
}

const healthOK = "ok"

// report runs the checks outside the lock: "ok" or the error's text by name.
func (h *Health) report() (map[string]string, bool) {
	h.mu.Lock()
	checks := make(map[string]func() error, len(h.checks))
	for name, check := range h.checks {
		checks[name] = check
	}
	h.mu.Unlock()
	report, healthy := make(map[string]string, len(checks)), true
	for name, check := range checks {
		report[name] = healthOK
		if err := check(); err != nil {
			report[name], healthy = err.Error(), false
		}
	}
	return report, healthy
}

// ServeHTTP answers {"status":"ok","checks":{"kafka":"ok"}} with 200, or "failing" with 503 and the errors' texts. It
// answers whether the program does its job now, so it fails while Kafka is away. Use it for readiness and alerts. Do not use
// it as a liveness probe: a restart does not bring Kafka back.
func (h *Health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	report, healthy := h.report()
	answer := struct {
		Status string            `json:"status"`
		Checks map[string]string `json:"checks"`
	}{healthOK, report}
	code := http.StatusOK
	if !healthy {
		answer.Status, code = "failing", http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer) // an error means that the client went away
}
