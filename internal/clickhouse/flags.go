// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/ClickHouse/ch-go"
	driver "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/pflag"

	"tcpledger/internal/program"
	"tcpledger/internal/program/credentials"
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
	Password credentials.Password
	Database string
	TLS      credentials.TLS
}

// Register declares --clickhouse and the --clickhouse-… flags.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.Addr, "clickhouse", "127.0.0.1:9000", "ClickHouse's native protocol, `host:port`")
	flags.StringVar(&f.User, "clickhouse-user", "default", "ClickHouse `user`")
	f.Password.Register(flags, "clickhouse", "ClickHouse")
	flags.StringVar(&f.Database, "clickhouse-database", schema.Database, "`name` of the database with the tables")
	f.TLS.Register(flags, "clickhouse", "ClickHouse")
}

// Open makes a database handle for queries. It connects when it is first used; an error is one of the flags (exit code
// 2). The caller closes it.
func (f *Flags) Open() (*DB, error) {
	password, err := f.check()
	if err != nil {
		return nil, program.UsageError(err)
	}
	conn, err := driver.Open(&driver.Options{
		Addr:         []string{f.Addr},
		Auth:         driver.Auth{Username: f.User, Password: password},
		DialContext:  f.dial,
		DialStrategy: f.login,
		DialTimeout:  dialTimeout,
		ReadTimeout:  readTimeout,
		ClientInfo:   driver.ClientInfo{Products: []struct{ Name, Version string }{{Name: "tcpledger", Version: program.Version}}},
	})
	if err != nil {
		return nil, program.UsageError(fmt.Errorf("--clickhouse: %w", err))
	}
	return &DB{Conn: conn, Name: f.Database}, nil
}

// dial connects to the server.
func (f *Flags) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := f.TLS.Dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &patientConn{Conn: conn}, nil
}

// login dials with the password of this moment.
func (f *Flags) login(ctx context.Context, connID int, options *driver.Options, dial driver.Dial) (driver.DialResult, error) {
	password, err := f.Password.Read()
	if err != nil {
		return driver.DialResult{}, err
	}
	now := *options
	now.Auth.Password = password
	return driver.DefaultDialStrategy(ctx, connID, &now, dial)
}

// Native makes connections for inserts, one statement one block. Its Options may be changed before the first Dial.
type Native struct {
	ch.Options
	password func() (string, error)
}

// Native gives the options of connections for inserts: never the server's own buffering of inserts, which acknowledges
// before it stores. An error is one of the flags (exit code 2).
func (f *Flags) Native() (*Native, error) {
	if _, err := f.check(); err != nil {
		return nil, program.UsageError(err)
	}
	return &Native{password: f.Password.Read, Options: ch.Options{
		Address:          f.Addr,
		User:             f.User,
		Dialer:           &f.TLS,
		DialTimeout:      dialTimeout,
		HandshakeTimeout: dialTimeout,
		ReadTimeout:      readTimeout,
		ClientName:       "tcpledger",
		Settings:         []ch.Setting{ch.SettingInt("async_insert", 0)},
	}}, nil
}

// Dial connects with the password and the certificates of this moment. The caller closes the client.
func (n *Native) Dial(ctx context.Context) (*ch.Client, error) {
	options := n.Options
	if n.password != nil {
		var err error
		if options.Password, err = n.password(); err != nil {
			return nil, err
		}
	}
	client, err := ch.Dial(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("connect to clickhouse: %w", err)
	}
	return client, nil
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// check tries all settings without a connection; it gives the password of this moment.
func (f *Flags) check() (string, error) {
	if _, _, err := net.SplitHostPort(f.Addr); err != nil {
		return "", fmt.Errorf("--clickhouse: %w", err)
	}
	if !identifier.MatchString(f.Database) {
		return "", fmt.Errorf("--clickhouse-database %q: letters, digits and _ only", f.Database)
	}
	if err := f.TLS.Check(); err != nil {
		return "", err
	}
	// The native protocol sends the password as it is.
	if err := f.Password.Check(!f.TLS.On); err != nil {
		return "", err
	}
	return f.Password.Read()
}
