// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"tcpledger/internal/program"
)

// HTTP asks over ClickHouse's HTTP interface, where the server itself writes the answer in any of its formats.
type HTTP struct {
	flags  *Flags
	url    string
	client *http.Client
}

// The ports of a server's HTTP interface, without and with TLS.
const (
	httpPort  = "8123"
	httpsPort = "8443"
)

// HTTP makes a client of the interface at addr, host:port; "" is the host of --clickhouse and the usual port. It connects when it is
// first used; silence before an answer begins is an error after longest and readTimeout. An error is one of the flags (exit code 2).
func (f *Flags) HTTP(addr string, longest time.Duration) (*HTTP, error) {
	if _, err := f.check(); err != nil {
		return nil, program.UsageError(err)
	}
	if addr == "" {
		host, _, _ := net.SplitHostPort(f.Addr) // checked
		port := httpPort
		if f.TLS.On {
			port = httpsPort
		}
		addr = net.JoinHostPort(host, port)
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, program.UsageError(fmt.Errorf("--clickhouse-http: %w", err))
	}
	return &HTTP{f, "http://" + addr + "/", &http.Client{Transport: &http.Transport{ // no proxy; with TLS the connection below has it
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return f.TLS.Dial(ctx, network, addr)
		},
		ResponseHeaderTimeout: longest + readTimeout,
		DisableCompression:    true,
	}}}, nil
}

// Ask sends one statement with these settings of the URL: the server's, param_… and default_format. The caller closes the answer.
// Its Read ends with an error if the server fails in the middle. The server's errors have a Code.
func (h *HTTP) Ask(ctx context.Context, statement string, settings url.Values) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"?"+settings.Encode(), strings.NewReader(statement))
	if err != nil {
		return nil, err
	}
	password, err := h.flags.Password.Read()
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "tcpledger/"+program.Version)
	request.Header.Set("X-ClickHouse-User", h.flags.User)
	request.Header.Set("X-ClickHouse-Key", password)
	response, err := h.client.Do(request)
	if err != nil {
		var reason *url.Error
		if errors.As(err, &reason) {
			err = reason.Err // the URL is long, and has the settings
		}
		return nil, fmt.Errorf("no ClickHouse answers at --clickhouse-http %s: %w", request.URL.Host, err)
	}
	if response.StatusCode == http.StatusOK {
		return &answer{body: response.Body, tag: response.Header.Get("X-ClickHouse-Exception-Tag")}, nil
	}
	defer func() { _ = response.Body.Close() }() // read to its end
	text, err := io.ReadAll(io.LimitReader(response.Body, maxException))
	if err != nil {
		return nil, err
	}
	if code := response.Header.Get("X-ClickHouse-Exception-Code"); code != "" {
		return nil, explain(exception(string(text)))
	}
	return nil, fmt.Errorf("--clickhouse-http %s is no HTTP port of ClickHouse: it answers %s", request.URL.Host, response.Status)
}

// maxException bounds the text of an error, in bytes.
const maxException = 1 << 20

var exceptionForm = regexp.MustCompile(`(?s)^\s*(?:Poco::Exception\. )?Code: (\d+)[.,] (?:DB::Exception: )?(.*?)\s*(?:\(([A-Z0-9_]+)\))?(?: \(version [^()]*(?:\([^()]*\))?\))?\s*$`)

// exception reads the text of a server's error.
func exception(text string) error {
	parts := exceptionForm.FindStringSubmatch(text)
	if parts == nil {
		return errors.New(text)
	}
	code, err := strconv.ParseInt(parts[1], 10, 32)
	if err != nil {
		return errors.New(text)
	}
	return &driver.Exception{Code: int32(code), Name: parts[3], Message: parts[2]}
}
