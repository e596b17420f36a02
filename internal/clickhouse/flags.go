// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"time"

	"github.com/ClickHouse/ch-go"
	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/pflag"

	"tcpledger/internal/program"
	"tcpledger/schema"
)

const (
	dialTimeout = 10 * time.Second
	// readTimeout bounds the silence of a server that hangs: one at work reports its progress all the time.
	readTimeout = 2 * time.Minute
)

// Flags are the connection settings. Register declares them; they are read after program.Load. The zero value with an
// Addr and a Database is a connection as user default without a password.
type Flags struct {
	Addr     string // host:port of the native protocol
	User     string // "" for default
	Password string
	Database string
	TLS      bool
	CA       string // PEM file; "" for the system's
}

// Register declares --clickhouse and the --clickhouse-… flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Addr, "clickhouse", "127.0.0.1:9000", "ClickHouse's native protocol, `host:port`")
	flags.StringVar(&f.User, "clickhouse-user", "default", "ClickHouse `user`")
	flags.StringVar(&f.Password, "clickhouse-password", "", "ClickHouse `password`; better given by TCPLEDGER_CLICKHOUSE_PASSWORD than on the command line")
	flags.StringVar(&f.Database, "clickhouse-database", schema.Database, "`name` of the database with the tables")
	flags.BoolVar(&f.TLS, "clickhouse-tls", false, "speak TLS with ClickHouse")
	flags.StringVar(&f.CA, "clickhouse-tls-ca", "", "PEM `file` with the authorities that ClickHouse's certificate may come from (default: the system's)")
	program.MarkSecret(flags, "clickhouse-password")
}

// Open makes a database handle for queries. It connects when it is first used; an error is one of the flags (exit code
// 2). The caller closes it.
func (f *Flags) Open() (*DB, error) {
	secure, err := f.check()
	if err != nil {
		return nil, err
	}
	conn, err := driver.Open(&driver.Options{
		Addr:        []string{f.Addr},
		Auth:        driver.Auth{Username: f.User, Password: f.Password},
		TLS:         secure,
		DialTimeout: dialTimeout,
		ReadTimeout: readTimeout,
		ClientInfo:  driver.ClientInfo{Products: []struct{ Name, Version string }{{Name: "tcpledger", Version: program.Version}}},
	})
	if err != nil {
		return nil, program.UsageError(fmt.Errorf("--clickhouse: %w", err))
	}
	return &DB{Conn: conn, Name: f.Database, user: f.User, password: f.Password}, nil
}

// Native gives the options of a ch-go connection for inserts, one statement one block: never the server's own buffering
// of inserts, which acknowledges before it stores. An error is one of the flags (exit code 2).
func (f *Flags) Native() (ch.Options, error) {
	secure, err := f.check()
	if err != nil {
		return ch.Options{}, err
	}
	return ch.Options{
		Address:          f.Addr,
		User:             f.User,
		Password:         f.Password,
		TLS:              secure,
		DialTimeout:      dialTimeout,
		HandshakeTimeout: dialTimeout,
		ReadTimeout:      readTimeout,
		ClientName:       "tcpledger",
		Settings:         []ch.Setting{ch.SettingInt("async_insert", 0)},
	}, nil
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (f *Flags) check() (*tls.Config, error) {
	if _, _, err := net.SplitHostPort(f.Addr); err != nil {
		return nil, program.UsageError(fmt.Errorf("--clickhouse: %w", err))
	}
	if !identifier.MatchString(f.Database) {
		return nil, program.UsageError(fmt.Errorf("--clickhouse-database %q: letters, digits and _ only", f.Database))
	}
	secure, err := f.tls()
	if err != nil {
		return nil, program.UsageError(err)
	}
	return secure, nil
}

// tls is nil without --clickhouse-tls. A TLS setting without it is an error: silently ignored, it would send all in the clear.
func (f *Flags) tls() (*tls.Config, error) {
	if !f.TLS {
		if f.CA != "" {
			return nil, errors.New("--clickhouse-tls-ca wants --clickhouse-tls")
		}
		return nil, nil
	}
	host, _, _ := net.SplitHostPort(f.Addr)
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if f.CA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("--clickhouse-tls-ca: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--clickhouse-tls-ca: %s holds no PEM certificate", f.CA)
	}
	return config, nil
}
