// SPDX-License-Identifier: Apache-2.0

package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/segmentio/kafka-go"

	"tcpledger/internal/text"
)

// maxAnswer bounds what is read of a program's answer.
const maxAnswer = 4 << 20

// lagMetric is the ingester's gauge of messages that wait, by topic and partition.
const lagMetric = "tcpledger_ingester_lag_messages"

// ClickHouse is the part that answers on conn.
func ClickHouse(conn driver.Conn) Part {
	return Part{Name: "ClickHouse", Check: func(ctx context.Context) (string, error) {
		if err := conn.Ping(ctx); err != nil {
			return "", err
		}
		version, err := conn.ServerVersion()
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%d.%d", version.Version.Major, version.Version.Minor), nil
	}}
}

// Kafka is the part that client speaks with. It asks the brokers themselves, not the client's memory of them.
func Kafka(client *kafka.Client) Part {
	return Part{Name: "Kafka", Check: func(ctx context.Context) (string, error) {
		versions, err := client.ApiVersions(ctx, &kafka.ApiVersionsRequest{})
		if err == nil {
			err = versions.Error
		}
		if err != nil {
			return "", err
		}
		metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{})
		if err != nil {
			return "", err
		}
		if len(metadata.Brokers) == 1 {
			return "1 broker", nil
		}
		return fmt.Sprintf("%d brokers", len(metadata.Brokers)), nil
	}}
}

// Program is one of tcpledger's own, which answers /healthz and /metrics under base ("http://127.0.0.1:8323").
func Program(name, base string, client *http.Client) Part {
	base = strings.TrimSuffix(base, "/")
	return Part{Name: name, Check: func(ctx context.Context) (string, error) {
		if err := healthz(ctx, client, base+"/healthz"); err != nil {
			return "", err
		}
		return lag(ctx, client, base+"/metrics")
	}}
}

func get(ctx context.Context, client *http.Client, address string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error // says the address again
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, body, errors.Join(err, response.Body.Close())
}

// healthz returns nil if the program does its job, else an error that names the checks that fail.
func healthz(ctx context.Context, client *http.Client, address string) error {
	code, body, err := get(ctx, client, address)
	if err != nil || code == http.StatusOK {
		return err
	}
	var answer struct {
		Checks map[string]string `json:"checks"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Checks) == 0 {
		return fmt.Errorf("%s answers %d", address, code)
	}
	var failing []string
	for _, check := range slices.Sorted(maps.Keys(answer.Checks)) {
		if answer.Checks[check] != "ok" {
			failing = append(failing, check+": "+answer.Checks[check])
		}
	}
	return trouble{strings.Join(failing, "; ")}
}

// lag says how many messages wait, "" for a program that has no such metric.
func lag(ctx context.Context, client *http.Client, address string) (string, error) {
	code, body, err := get(ctx, client, address)
	if err != nil {
		return "", err
	}
	if code != http.StatusOK {
		return "", fmt.Errorf("%s answers %d", address, code)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		return "", fmt.Errorf("%s: %w", address, err)
	}
	family, ok := families[lagMetric]
	if !ok {
		return "", nil
	}
	waiting := 0.0
	for _, m := range family.GetMetric() {
		waiting += max(m.GetGauge().GetValue(), 0)
	}
	return "lag " + text.Count(uint64(waiting)), nil
}
