// SPDX-License-Identifier: Apache-2.0

// Package programs builds tcpledger's programs for tests that run them as a person does.
package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder is what build made.
var folder string

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tcpledger-programs-")
	if err != nil {
		return "", err
	}
	folder = dir
	cmd := exec.Command("go", "build", "-o", dir+"/", "tcpledger/agent", "tcpledger/ingester", "tcpledger/cmd/tcpledger")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

// Path builds the programs once and returns the path of one: agent, ingester or tcpledger. TestMain calls Remove at the end.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir, err := build()
	require.NoError(t, err)
	return filepath.Join(dir, name)
}

// Remove removes what Path built.
func Remove() {
	if folder != "" {
		_ = os.RemoveAll(folder)
	}
}
