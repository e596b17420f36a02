// SPDX-License-Identifier: Apache-2.0

package child

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tcpledger/test/wait"
)

// away listens where nobody reaches it, answers there for itself, and serves one client on the socket that it was given.
func away(command *cobra.Command, _ []string) error {
	here, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		return err
	}
	if _, err := net.Dial("tcp4", here.Addr().String()); err != nil {
		return err
	}
	command.Println("child", os.Getpid(), "listens at", here.Addr(), "started")
	given, err := net.FileListener(os.NewFile(3, "socket"))
	if err != nil {
		return err
	}
	conn, err := given.Accept()
	if err != nil {
		return err
	}
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	select {}
}

// awayAs starts the command as another user of this machine and without its parent's rights, if user is not "".
func awayAs(t *testing.T, user string) (*Process, net.Listener) {
	t.Helper()
	path := reachable(t)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	socket, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer func() { require.NoError(t, socket.Close()) }()
	command := Command{Name: "away", Path: path, Args: []string{"away"}, Keep: []*os.File{socket}}
	if user == "" {
		command = InOwnNetwork(path, command)
	} else {
		command.Path = "setpriv"
		command.Args = []string{"--reuid=" + user, "--regid=" + user, "--clear-groups", path, "own-network-parent"}
	}
	p, err := Start(command)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Kill()) })
	require.NoError(t, p.Await(t.Context(), says(p, "started")))
	return p, listener
}

// reachable is a copy of this program where any user may run it.
func reachable(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := os.ReadFile(self)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "tcpledger-child-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(path, text, 0o755))
	require.NoError(t, os.Chmod(path, 0o755))
	return path
}

// ownNetworkParent starts away in a network of its own and waits for ever.
func ownNetworkParent(*cobra.Command, []string) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	command := InOwnNetwork(path, Command{Name: "away", Path: path, Args: []string{"away"}, Keep: []*os.File{os.NewFile(3, "socket")}, Output: os.Stdout})
	if _, err := Start(command); err != nil {
		return err
	}
	select {}
}

func TestNobodyReachesANetworkOfItsOwn(t *testing.T) {
	users := []string{""}
	if os.Geteuid() == 0 {
		users = append(users, "65534")
	}
	for _, user := range users {
		t.Run("user "+user, func(t *testing.T) {
			p, given := awayAs(t, user)
			_, after, _ := strings.Cut(p.Tail(), "child ")
			words := strings.Fields(after)
			_, err := net.Dial("tcp4", words[3])
			require.Error(t, err, "from the network of everybody else")
			conn, err := net.Dial("tcp4", given.Addr().String())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			hello := make([]byte, 5)
			_, err = conn.Read(hello)
			require.NoError(t, err, "a socket that it was given stays where it was")
			require.Equal(t, "hello", string(hello))

			pid, err := strconv.Atoi(words[0])
			require.NoError(t, err)
			status, err := os.ReadFile(filepath.Join("/proc", words[0], "status"))
			require.NoError(t, err)
			if user != "" {
				require.Contains(t, string(status), "CapEff:\t0000000000000000", "it cannot change its network")
				require.Contains(t, string(status), "CapAmb:\t0000000000000000")
			}
			require.NoError(t, p.Kill())
			require.Eventually(t, func() bool { return !alive(pid) }, wait.Long, 10*time.Millisecond, "it dies with its parent")
		})
	}
}

func TestWithoutANetworkItSaysSo(t *testing.T) {
	require.ErrorIs(t, CanHaveNetwork(t.Context(), "/bin/false"), ErrNoNetwork)
	path, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, CanHaveNetwork(t.Context(), path))
}
