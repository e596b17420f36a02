// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/internal/devstack/child"
)

// TestMain lets this test binary confine itself.
func TestMain(m *testing.M) {
	if child.RunHidden(Command()) {
		return
	}
	m.Run()
}

// confined runs a shell line under the rules and returns what it said.
func confined(t *testing.T, r Rules, line string) string {
	t.Helper()
	r.Read = append(r.Read, "/proc", "/etc/ld.so.cache")
	r.Execute = append(r.Execute, "/usr", "/bin", "/lib", "/lib64")
	r.Write = append(r.Write, "/dev/null")
	self, err := os.Executable()
	require.NoError(t, err)
	said, err := exec.CommandContext(t.Context(), self, r.Args("/bin/sh", "-c", line)...).CombinedOutput()
	t.Logf("%v: %s", err, said)
	return string(said)
}

func TestAProgramTouchesOnlyItsFolder(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("secret"), 0o666))
	t.Setenv("SOMEBODYS_TOKEN", "secret")
	for _, uid := range []int{0, OwnUser()} {
		r := Rules{Dir: t.TempDir(), UID: uid}
		if uid != 0 {
			require.NoError(t, Give(r.Dir, uid))
		}
		require.Equal(t, "mine\n", confined(t, r, "echo mine > file && cat file"))
		for _, line := range []string{"cat " + outside, "cat /etc/shadow", "cat ../../secret", "cat /proc/1/environ", "env", "tr '\\0' '\\n' < /proc/self/environ"} {
			said := confined(t, r, line)
			require.NotContains(t, said, "secret\n", line)
			require.NotContains(t, said, "root:", line)
			require.NotContains(t, said, "SOMEBODYS_TOKEN", line)
		}
		confined(t, r, "echo spoiled > "+outside)
		text, err := os.ReadFile(outside)
		require.NoError(t, err)
		require.Equal(t, "secret", string(text))
		require.Contains(t, confined(t, r, "cp /bin/true . && ./true"), "ermission denied", "what it writes it cannot run")
		info, err := os.Stat(filepath.Join(r.Dir, "file"))
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077)
	}
}

func TestGiveClosesAFolderToOthers(t *testing.T) {
	uid := OwnUser()
	if uid == 0 {
		t.Skip("this process may not change users")
	}
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o755))
	require.NoError(t, Give(dir, uid))
	said, err := exec.CommandContext(t.Context(), "find", dir, "!", "-uid", "2001008123", "!", "-uid", "63321").CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, strings.TrimSpace(string(said)))
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.EqualValues(t, 0o700, info.Mode().Perm())
}
