// SPDX-License-Identifier: Apache-2.0

package program_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/program"
)

// asked is the code that a request with these headers gets; Host among them is the request's.
func asked(t *testing.T, url string, headers map[string]string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for name, value := range headers {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func TestLoopbackAnswersNoForeignPage(t *testing.T) {
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	url := serve(t, program.HTTP{Addr: "127.0.0.1:0", AllowedHosts: []string{"Ledger.example"}, Health: &program.Health{},
		Registry: program.NewRegistry("tcpledger-probe"), Handlers: map[string]http.Handler{"/": page}})
	own := url[len("http://"):]
	_, port, err := net.SplitHostPort(own)
	require.NoError(t, err)
	cases := []struct {
		name    string
		headers map[string]string
		code    int
	}{
		{"a program", nil, 200},
		{"localhost", map[string]string{"Host": "localhost:" + port}, 200},
		{"another loopback address", map[string]string{"Host": "127.1.2.3"}, 200},
		{"IPv6 loopback", map[string]string{"Host": "[::1]:" + port}, 200},
		{"an allowed host", map[string]string{"Host": "ledger.example:" + port}, 200},
		{"a typed address", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"the page's own fetch", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": url}, 200},
		{"a link to an allowed host", map[string]string{"Host": "ledger.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},

		{"DNS rebinding", map[string]string{"Host": "evil.example:" + port}, 403},
		{"an address of elsewhere", map[string]string{"Host": "192.0.2.1"}, 403},
		{"a name that begins as loopback", map[string]string{"Host": "127.0.0.1.evil.example"}, 403},
		{"a foreign origin", map[string]string{"Origin": "http://evil.example"}, 403},
		{"an origin without a name", map[string]string{"Origin": "null"}, 403},
		{"another port's page", map[string]string{"Origin": "http://127.0.0.1:1"}, 403},
		{"a foreign fetch", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403},
		{"another port's fetch", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"a link to loopback", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
		{"a frame of an allowed host", map[string]string{"Host": "ledger.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/", "/metrics", "/healthz"} {
				require.Equal(t, c.code, asked(t, url+path, c.headers), path)
			}
		})
	}
}

// Prometheus asks an address of the network by any name.
func TestOtherAddressesAnswerEveryHostUntilSomeAreNamed(t *testing.T) {
	foreign := map[string]string{"Host": "node-1.example"}
	open := serve(t, program.HTTP{Addr: ":0", Health: &program.Health{}})
	require.Equal(t, 200, asked(t, onLoopback(t, open)+"/healthz", foreign))
	named := serve(t, program.HTTP{Addr: ":0", Health: &program.Health{}, AllowedHosts: []string{"node-2.example"}})
	require.Equal(t, 403, asked(t, onLoopback(t, named)+"/healthz", foreign))
	require.Equal(t, 200, asked(t, onLoopback(t, named)+"/healthz", map[string]string{"Host": "node-2.example"}))
}

// onLoopback is the same port on 127.0.0.1.
func onLoopback(t *testing.T, url string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(url[len("http://"):])
	require.NoError(t, err)
	return "http://" + net.JoinHostPort("127.0.0.1", port)
}

func TestSamePeerAnswersOverLoopbackOnly(t *testing.T) {
	secret := program.SamePeer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	url := serve(t, program.HTTP{Addr: ":0", Handlers: map[string]http.Handler{"GET /status": secret}})
	require.Equal(t, 200, asked(t, onLoopback(t, url)+"/status", nil))
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(url[len("http://"):])
	require.NoError(t, err)
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			require.Equal(t, 403, asked(t, "http://"+net.JoinHostPort(network.IP.String(), port)+"/status", nil))
			return
		}
	}
	t.Skip("this machine has no address but loopback")
}
