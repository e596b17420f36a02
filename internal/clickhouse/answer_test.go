// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
)

// An error behind the rows is found wherever the network cuts the answer; what looks like one without the tag is a row.
func TestAnswerThatFailsInTheMiddle(t *testing.T) {
	const tag = "rkzfzujvztleafch"
	failed := "1\n2\n\r\n__exception__\r\n" + tag + "\r\nCode: 395. DB::Exception: Value is (non-zero): x. (SOME_NAME) (version 26.7.2.1)\n77 " + tag + "\r\n__exception__\r\n"
	forged := "1\n\r\n__exception__\r\naaaaaaaaaaaaaaaa\r\nCode: 1. DB::Exception: x. (Y)\r\n"
	for name, reader := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "one byte": iotest.OneByteReader, "half": iotest.HalfReader} {
		t.Run(name, func(t *testing.T) {
			read := func(text string) (string, error) {
				got, err := io.ReadAll(&answer{body: io.NopCloser(reader(strings.NewReader(text))), tag: tag})
				return string(got), err
			}
			rows, err := read(failed)
			require.Equal(t, "1\n2\n", rows)
			require.EqualValues(t, 395, Code(err))
			require.ErrorContains(t, err, "Value is (non-zero): x.")
			require.NotContains(t, err.Error(), tag)
			for _, whole := range []string{"", "1\n", forged, strings.Repeat("a row\n", 20_000)} {
				rows, err = read(whole)
				require.NoError(t, err)
				require.Equal(t, whole, rows)
			}
			_, err = read("1\n\r\n__exception__\r\n" + tag + "\r\n")
			require.Error(t, err)
		})
	}
	_, err := io.ReadAll(&answer{body: io.NopCloser(io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(io.ErrUnexpectedEOF))), tag: tag})
	require.ErrorContains(t, err, "the answer ended in the middle")
}

func TestExceptionText(t *testing.T) {
	for text, want := range map[string]struct {
		code    int32
		message string
	}{
		"Code: 62. DB::Exception: Syntax error: at 1 (x). (SYNTAX_ERROR) (version 26.7.2.1)\n":              {62, "Syntax error: at 1 (x)."},
		"Code: 516. DB::Exception: rr: failed. (AUTHENTICATION_FAILED) (version 26.7.2.1 (official build))": {516, "rr: failed."},
		"Poco::Exception. Code: 1000, e.code() = 13, I/O error: Permission denied (version 26.7.2.1)":       {1000, "e.code() = 13, I/O error: Permission denied"},
		"Code: 47. DB::Exception: two\nlines (in (parentheses)). (UNKNOWN_IDENTIFIER)":                      {47, "two\nlines (in (parentheses))."},
		"Code: 99999999999999. DB::Exception: x (Y)":                                                        {0, "Code: 99999999999999."},
		"something else": {0, "something else"},
	} {
		err := exception(text)
		require.Equal(t, want.code, Code(err), text)
		require.ErrorContains(t, err, want.message)
	}
}

// A real server: settings of the URL hold, its errors have their codes before and in the middle of an answer.
func TestHTTP(t *testing.T) {
	native, addr := clickhousetest.Start(t)
	flags := Flags{Addr: native, User: "default", Database: "default"}
	server, err := flags.HTTP(addr, time.Minute)
	require.NoError(t, err)
	ask := func(statement string) (string, error) {
		answer, err := server.Ask(t.Context(), statement, url.Values{"readonly": {"2"}, "param_n": {"7"}, "default_format": {"CSV"}})
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(answer)
		return string(text), errors.Join(err, answer.Close())
	}
	rows, err := ask("SELECT {n:UInt8} AS n, 'a'")
	require.NoError(t, err)
	require.Equal(t, "7,\"a\"\n", rows)
	_, err = ask("CREATE TABLE t (a Int8) ENGINE = Memory")
	require.EqualValues(t, codeReadOnly, Code(err))
	rows, err = ask("SELECT number, throwIf(number = 3000000) FROM numbers(4000000)")
	require.EqualValues(t, 395, Code(err))
	require.True(t, strings.HasPrefix(rows, "0,0\n1,0\n"), "the rows before it came")

	for addr, want := range map[string]string{"127.0.0.1:1": "no ClickHouse answers at --clickhouse-http 127.0.0.1:1", native: native} {
		wrong, err := flags.HTTP(addr, time.Minute)
		require.NoError(t, err)
		_, err = wrong.Ask(t.Context(), "SELECT 1", nil)
		require.ErrorContains(t, err, want)
	}
	_, err = flags.HTTP("no port", time.Minute)
	require.ErrorContains(t, err, "--clickhouse-http")
	usual, err := (&Flags{Addr: "ch.example:9000", Database: "x"}).HTTP("", time.Minute)
	require.NoError(t, err)
	require.Equal(t, "http://ch.example:8123/", usual.url)
	secure := Flags{Addr: "ch.example:9440", Database: "x"}
	secure.TLS.On = true
	usual, err = secure.HTTP("", time.Minute)
	require.NoError(t, err)
	require.Equal(t, "http://ch.example:8443/", usual.url)
}
