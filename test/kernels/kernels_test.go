// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestKernels boots each kernel and runs the suite inside. It runs where TCPLEDGER_TEST_KERNELS is set: `make test-kernels`.
func TestKernels(t *testing.T) {
	only := os.Getenv("TCPLEDGER_TEST_KERNELS")
	if only == "" {
		t.Skip("TCPLEDGER_TEST_KERNELS is not set: make test-kernels")
	}
	suite, agent := build(t)
	for _, k := range Kernels() {
		if only != "all" && !slices.Contains(strings.Split(only, ","), k.Name) {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
			defer cancel()
			u, err := k.Fetch(ctx, cacheDir(t))
			require.NoError(t, err)
			log, err := os.Create(filepath.Join(t.TempDir(), "console"))
			require.NoError(t, err)
			err = u.Boot(ctx, suite, agent, os.Getenv("TCPLEDGER_TEST_KERNEL_ARGS"), func(line string) {
				_, _ = fmt.Fprintln(log, line)
				if strings.HasPrefix(line, "VERDICT\t") || strings.HasPrefix(line, "GUEST ") || strings.Contains(line, "FAIL") {
					fmt.Println(k.Name, line)
				}
			})
			require.NoError(t, log.Close())
			if err != nil {
				text, _ := os.ReadFile(log.Name())
				t.Fatalf("%v\n%s", err, text)
			}
		})
	}
}

func cacheDir(t *testing.T) string {
	base, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(base, "tcpledger", "kernels")
}

// build builds the suite and the agent, static.
func build(t *testing.T) (suite, agent string) {
	dir := t.TempDir()
	suite, agent = filepath.Join(dir, "suite.test"), filepath.Join(dir, "agent")
	for _, args := range [][]string{{"test", "-c", "-o", suite, "tcpledger/test/suite"}, {"build", "-o", agent, "tcpledger/agent"}} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	return suite, agent
}
