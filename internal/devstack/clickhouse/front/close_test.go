// SPDX-License-Identifier: Apache-2.0

package front

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets this test binary be a process with a listening socket.
func TestMain(m *testing.M) {
	if os.Getenv("TCPLEDGER_TEST_LISTEN") != "" {
		var plain net.ListenConfig
		plain.SetMultipathTCP(false) // as the engine's
		listener, err := plain.Listen(context.Background(), "tcp4", EngineHost+":0")
		if err != nil {
			panic(err)
		}
		fmt.Println(listener.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	m.Run()
}

// Where the engine shares its network with others, its sockets hear nobody but the front.
func TestClosedSocketsHearOnlyTheFront(t *testing.T) {
	if err := CanClose(); err != nil {
		t.Skip(err)
	}
	engine := exec.CommandContext(t.Context(), os.Args[0])
	engine.Env = append(os.Environ(), "TCPLEDGER_TEST_LISTEN=1")
	stdin, err := engine.StdinPipe()
	require.NoError(t, err)
	stdout, err := engine.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, engine.Start())
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	addr = addr[:len(addr)-1]

	listening, err := Close(engine.Process.Pid)
	require.NoError(t, err)
	require.Equal(t, 1, listening)
	_, err = (&net.Dialer{Timeout: 500 * time.Millisecond}).DialContext(t.Context(), "tcp4", addr)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "%v", err)
	conn, err := dial(context.Background(), addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, stdin.Close())
	require.NoError(t, engine.Wait())
}
