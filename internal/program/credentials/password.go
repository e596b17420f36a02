// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"tcpledger/internal/program"
)

// maxPasswordBytes bounds a password file.
const maxPasswordBytes = 4 << 10

// Password is a password for one peer, from a flag or from a file. Register declares the flags; the zero value is none.
type Password struct {
	value      string
	file       string
	allowPlain bool

	prefix, peer string
}

// Register declares --NAME-password, --NAME-password-file and --NAME-allow-plaintext-password; peer is what the texts call
// the peer.
func (p *Password) Register(flags *pflag.FlagSet, name, peer string) {
	p.prefix, p.peer = name, peer
	flags.StringVar(&p.value, name+"-password", "", peer+" `password`; give it by "+program.EnvironmentName(name+"-password")+" or by a file, not on the command line, which every user of the host can read")
	program.MarkSecret(flags, name+"-password")
	flags.StringVar(&p.file, name+"-password-file", "", "`file` with the "+peer+" password in its first line; read again for every connection")
	flags.BoolVar(&p.allowPlain, name+"-allow-plaintext-password", false, "send the "+peer+" password over a connection without TLS, where whoever is on the way can read it")
}

// Given says whether there is a password.
func (p *Password) Given() bool { return p.value != "" || p.file != "" }

// Check reads the file and names the flag of what is wrong. inClear says that the connection carries the password in the clear;
// that is an error unless it is allowed.
func (p *Password) Check(inClear bool) error {
	if p.value != "" && p.file != "" {
		return fmt.Errorf("--%[1]s-password and --%[1]s-password-file: give one of them", p.prefix)
	}
	if p.Given() && inClear && !p.allowPlain {
		return fmt.Errorf("the %[2]s password would cross the network in the clear: give --%[1]s-tls, or allow it with --%[1]s-allow-plaintext-password", p.prefix, p.peer)
	}
	_, err := p.Read()
	return err
}

// Read gives the password as it is now: the flag's, or the first line of the file.
func (p *Password) Read() (string, error) {
	if p.file == "" {
		return p.value, nil
	}
	file, err := os.Open(p.file)
	if err != nil {
		return "", fmt.Errorf("--%s-password-file: %w", p.prefix, err)
	}
	defer func() { _ = file.Close() }() // only read from
	content, err := io.ReadAll(io.LimitReader(file, maxPasswordBytes+1))
	if err != nil {
		return "", fmt.Errorf("--%s-password-file: %w", p.prefix, err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" || len(line) > maxPasswordBytes {
		return "", fmt.Errorf("--%s-password-file: the first line of %s is empty or longer than 4 KiB", p.prefix, p.file)
	}
	return line, nil
}
