// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// afterExec tells an actor that it goes on with another's work: it begins with an answer.
const afterExec = "TCPLEDGER_LAB_AFTER_EXEC"

// Exec has the actor execute a program named comm, a file of its own. The process keeps its pid, its actor's pipes and this descriptor
// alone.
func (s *Socket) Exec(comm string) *Socket {
	t := s.Actor.t
	t.Helper()
	file := filepath.Join(t.TempDir(), actorPrefix+comm)
	twin(t, s.Actor.Exe, file)
	s.Actor.must(command{Op: "exec", FD: s.FD, IP: file})
	became := *s.Actor
	became.Comm, became.Exe = actorPrefix+comm, file
	same := *s
	same.Actor = &became
	return &same
}

// twin makes a file with the content of another: the same one under a second name, or a copy on another file system.
func twin(t testing.TB, from, to string) {
	t.Helper()
	err := os.Link(from, to)
	if !errors.Is(err, unix.EXDEV) {
		require.NoError(t, err)
		return
	}
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o755))
}

// linkTo makes a link to this program, self, under which it is an actor named comm.
func linkTo(t testing.TB, comm string) (link, self string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	link = filepath.Join(t.TempDir(), actorPrefix+comm)
	require.NoError(t, os.Symlink(self, link))
	return link, self
}

// Rename gives the process another name, of any bytes but 0, as prctl(PR_SET_NAME) does.
func (a *Actor) Rename(comm string) {
	a.t.Helper()
	a.must(command{Op: "rename", IP: hex.EncodeToString([]byte(comm))})
	a.Comm = comm
}

// Reap waits for a child's end and frees its pid.
func (a *Actor) Reap(child *Actor) {
	a.t.Helper()
	a.must(command{Op: "reap", N: int(child.PID)})
}

// NextPID has the kernel give that pid to the next process, if nobody else takes it first.
func (a *Actor) NextPID(pid uint32) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(int(pid)-1)), 0))
}

// become executes the program that IP names as a link to this one. The new program answers for it.
func become(c *command) error {
	if _, err := unix.FcntlInt(uintptr(c.FD), unix.F_SETFD, 0); err != nil {
		return err
	}
	return syscall.Exec(c.IP, []string{c.IP}, append(os.Environ(), afterExec+"="+strconv.Itoa(c.FD)))
}

// resume closes the inherited descriptor to programs that follow, and answers.
func resume(out io.Writer) error {
	fd, err := strconv.Atoi(os.Getenv(afterExec))
	if err != nil {
		return nil //nolint:nilerr // not after exec
	}
	unix.CloseOnExec(fd)
	return errors.Join(os.Unsetenv(afterExec), json.NewEncoder(out).Encode(answer{FD: fd}))
}

func rename(c *command) error {
	comm, err := hex.DecodeString(c.IP)
	if err != nil {
		return err
	}
	return os.WriteFile("/proc/self/comm", comm, 0)
}

func reap(c *command) error {
	_, err := unix.Wait4(c.N, nil, 0, nil)
	return err
}
