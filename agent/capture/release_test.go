// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"tcpledger/bpf"
)

// TestReleasedByTheAgent: the agent's look at an open file may be the last to hold it. The agent is not the owner then, the row stays,
// and says who released the file. Here a process of tcpledger gets the descriptor and is the last to close it.
func TestReleasedByTheAgent(t *testing.T) {
	for name, used := range map[string]bool{"used": true, "not used": false} {
		t.Run(name, func(t *testing.T) {
			privileged(t)
			namespace(t)
			c := started(t, DefaultConfig())
			p := connect(t, "127.0.0.1")
			if used {
				say(t, p.client, p.server, "question")
			}
			file, err := p.server.File()
			require.NoError(t, err)
			holder := exec.Command("cat")
			holder.ExtraFiles = []*os.File{file}
			input, err := holder.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, holder.Start())
			require.NoError(t, c.collection.Maps["own_pids"].Put(uint32(holder.Process.Pid), uint8(1)))
			require.NoError(t, file.Close())
			require.NoError(t, p.server.Close())
			require.NoError(t, input.Close())
			require.NoError(t, holder.Wait())
			require.NoError(t, p.client.Close())

			end := c.connection(p.to, p.from)
			require.True(t, end.Evidence.Has(bpf.FlagClosedByAgent))
			require.False(t, c.connection(p.from, p.to).Evidence.Has(bpf.FlagClosedByAgent))
			require.EqualValues(t, holder.Process.Pid, end.Context.PID)
			if used {
				ownedByUs(t, end.Owner, bpf.OwnerRead)
			} else {
				require.NotEqual(t, uint32(holder.Process.Pid), end.Owner.PID)
				require.Zero(t, end.Opener.PID)
			}
		})
	}
}
