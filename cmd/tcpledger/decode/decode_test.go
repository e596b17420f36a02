// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
	"tcpledger/internal/program"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }

// goldenBatch is the events message that schema keeps for ever, in hex.
func goldenBatch(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "schema", "testdata", "batch.v1.hex"))
	require.NoError(t, err)
	return string(text)
}

func goldenMessage(t testing.TB) []byte {
	t.Helper()
	message, err := hex.DecodeString(strings.TrimSpace(goldenBatch(t)))
	require.NoError(t, err)
	return message
}

func run(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := program.Command("tcpledger", "", "")
	root.AddCommand(Command())
	root.SetArgs(append([]string{"decode"}, args...))
	var out, errs bytes.Buffer
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	code = program.Main(root)
	return code, out.String(), errs.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TCPLEDGER_TEST_WRITE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestEveryTopic(t *testing.T) {
	meta, err := schema.EncodeMeta(&schema.Meta{Host: "web-1", BootID: "b", Session: 1, Run: 2, At: 3, KernelRelease: "6.1.0",
		Agent:  schema.HostFacts{AgentVersion: "1", Machine: "x86_64", CPUs: 2, Symbols: 1, Kinds: []string{"connection"}, MachineID: "5c2b3a0e-9d1f-4d51-8a36-0f6f8a0d2b11"},
		Stacks: []schema.Stack{{ID: 1<<64 - 1, Frames: []schema.Frame{{Module: "kernel", BuildID: "ab", Offset: 4096}}}}})
	require.NoError(t, err)
	symbols, err := schema.EncodeSymbols("ab", "kernel", []schema.Symbol{{Offset: 16, Name: "tcp_close"}})
	require.NoError(t, err)
	build, err := schema.EncodeBuild(&schema.Build{BuildID: "ab", Module: "kernel", Pieces: 1, Symbols: 1})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		stdin string
		args  []string
	}{
		"batch.json":   {goldenBatch(t), nil},
		"meta.json":    {string(meta), []string{"--topic", schema.TopicMeta}},
		"symbols.json": {string(symbols[0]), []string{"-", "--topic", schema.TopicSymbols}},
		"build.json":   {string(build), []string{"-", "--topic", schema.TopicBuilds}},
	} {
		code, out, errs := run(t, c.stdin, c.args...)
		require.Zero(t, code, errs)
		golden(t, name, out)
		require.True(t, json.Valid([]byte(out)))
	}

	file := filepath.Join(t.TempDir(), "message")
	require.NoError(t, os.WriteFile(file, goldenMessage(t), 0o600))
	code, out, errs := run(t, "", file)
	require.Zero(t, code, errs)
	golden(t, "batch.json", out) // bytes and hex are the same message
}

func TestBadInput(t *testing.T) {
	message := string(goldenMessage(t))
	for _, c := range []struct {
		code       int
		err, stdin string
		args       []string
	}{
		{1, "tcpledger: malformed message: byte 0: EOF", "", nil},
		{1, "tcpledger: malformed message: byte ", message[:len(message)/2], nil},
		{1, "1 bytes after the message", message + "\x00", nil},
		{1, "tcpledger: malformed message: byte ", message, []string{"--topic", schema.TopicMeta}},
		{1, "malformed message: byte 5: array of 67108864: at most 65535", "\xdd\x04\x00\x00\x00" + strings.Repeat("x", 100), nil},
		{1, "- is larger than any message", strings.Repeat("ab ", schema.MaxMessageBytes+1), nil},
		{1, "no such file", "", []string{"/nonexistent"}},
		{2, "must be one of", "", []string{"--topic", "events"}},
		{2, "--apply wants --replay", "", []string{"--apply"}},
		{2, "it takes no file", "", []string{"--replay", "-"}},
	} {
		code, out, errs := run(t, c.stdin, c.args...)
		require.Equal(t, c.code, code, errs)
		require.Empty(t, out)
		require.Contains(t, errs, c.err)
		require.Less(t, len(errs), 300)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{"LastRxAgeMS": "last_rx_age_ms", "PID": "pid", "NetNSCookie": "netns_cookie", "NetNS": "netns",
		"SRTTUS": "srtt_us", "CPUs": "cpus", "TCPFlags": "tcp_flags", "BytesSentRaw": "bytes_sent_raw", "LocalIP": "local_ip", "At": "at", "UserStackID": "user_stack_id"} {
		require.Equal(t, want, snake(name))
	}
	require.Equal(t, []string{"owned", "no_close_seen", "bit_31"}, flags(schema.FlagOwned|schema.FlagNoCloseSeen|1<<31))
	require.Empty(t, flags(0))
}

// Each name in the JSON of a row is there once: two embedded structs have a PID each.
func TestNamesAreUnique(t *testing.T) {
	var check func(any)
	check = func(v any) {
		o, ok := v.(text.Object)
		if !ok {
			return
		}
		seen := map[string]bool{}
		for _, m := range o {
			require.False(t, seen[m.Name], m.Name)
			seen[m.Name] = true
			check(m.Value)
		}
	}
	for _, v := range []any{schema.Connection{}, schema.Event{}, schema.Loss{}, schema.Checkpoint{}, schema.Meta{}, schema.Header{}} {
		check(named(reflect.ValueOf(v)))
	}
}

// Whatever the bytes, decode answers with valid JSON or with an error that is not nil.
func FuzzJSON(f *testing.F) {
	f.Add(uint8(0), goldenMessage(f))
	for i := range uint8(4) {
		f.Add(i, []byte{0x96, 1, 0xa2, 'a', 'b', 0xa1, 'k', 0, 1, 0x90})
	}
	f.Fuzz(func(t *testing.T, n uint8, message []byte) {
		topics := schema.Topics()
		text, err := JSON(topics[int(n)%len(topics)].Name, message)
		if err == nil && !json.Valid(text) {
			t.Fatalf("invalid JSON: %s", text)
		}
		if err != nil && text != nil {
			t.Fatal("both an answer and an error")
		}
	})
}
