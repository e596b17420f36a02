// SPDX-License-Identifier: Apache-2.0

// Package child runs programs that must not outlive the process that started them.
package child

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"tcpledger/internal/program"
	"tcpledger/internal/retry"
)

// ErrKilled is wrapped by Stop when the child did not end in time and was killed.
var ErrKilled = errors.New("did not end in time and was killed")

// Command says what to start.
type Command struct {
	// Name is what messages call the child.
	Name string
	// Path is the program, Args what follows it.
	Path string
	Args []string
	// Env is added to program.ChildEnvironment: a child gets none of this program's own settings and passwords.
	Env []string
	// Keep are open files that the child gets as descriptors 3, 4 and so on. The caller closes its own.
	Keep []*os.File
	// Output gets stdout and stderr. Nil keeps only the tail.
	Output io.Writer
	// StopSignal is sent by Stop after it closed the child's standard input; nil sends none.
	StopSignal os.Signal
	// DeathSignal is what the kernel sends the child when this process dies; 0 is SIGKILL.
	DeathSignal syscall.Signal
	// ownNetwork starts the child in a network namespace of its own, in which nothing is up yet.
	ownNetwork bool
}

// Process is a started child.
type Process struct {
	command Command
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	tail    *tail
	done    chan struct{}
	err     error // how it ended; read only after done
}

// Start starts the command in a process group of its own, so that Ctrl-C reaches only the parent. The kernel kills it when
// this process dies. Its standard input is a pipe that Stop closes.
func Start(command Command) (*Process, error) {
	p := &Process{command: command, tail: &tail{next: command.Output}, done: make(chan struct{})}
	p.cmd = exec.CommandContext(context.Background(), command.Path, command.Args...) // Stop and Kill end it
	p.cmd.Env = append(program.ChildEnvironment(), command.Env...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = p.tail, p.tail, command.Keep
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: cmp.Or(command.DeathSignal, syscall.SIGKILL)}
	if command.ownNetwork {
		if err := giveNetwork(p.cmd.SysProcAttr); err != nil {
			return nil, fmt.Errorf("%s: %w", command.Name, err)
		}
	}
	p.cmd.WaitDelay = time.Second
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command.Name, err)
	}
	p.stdin = stdin
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Name, err)
	}
	return p, nil
}

// run keeps its thread for the child's whole life: the parent death signal is sent when the *thread* that forked ends.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
}

// PID returns the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the child ended and what it said last; nil while it runs or after exit status 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	if p.err == nil {
		return nil
	}
	if said := p.Tail(); said != "" {
		return fmt.Errorf("%s ended: %w; it said last:\n%s", p.command.Name, p.err, said)
	}
	return fmt.Errorf("%s ended: %w", p.command.Name, p.err)
}

// Tail returns the last lines that the child wrote.
func (p *Process) Tail() string { return p.tail.String() }

// probeEvery is how often Await asks.
var probeEvery = retry.Policy{First: 25 * time.Millisecond}

// Await calls probe until it returns nil. It gives up when the child ends or ctx is done.
func (p *Process) Await(ctx context.Context, probe func(context.Context) error) error {
	living, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-p.done:
			stop()
		case <-living.Done():
		}
	}()
	err := retry.Until(living, probeEvery, nil, probe)
	if err == nil {
		return nil
	}
	select {
	case <-p.done:
		if err := p.Err(); err != nil {
			return err
		}
		return fmt.Errorf("%s ended before it was ready; it said last:\n%s", p.command.Name, p.Tail())
	default:
		return fmt.Errorf("%s is not ready: %w", p.command.Name, err)
	}
}

// StartAndAwait starts the command and returns when probe returns nil. A child that does not get there is killed; the error
// says why it did not.
func StartAndAwait(ctx context.Context, command Command, probe func(context.Context) error) (*Process, error) {
	p, err := Start(command)
	if err != nil {
		return nil, err
	}
	if err := p.Await(ctx, probe); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// Stop asks the child to end, waits for it, and kills it when ctx is done first; then its error wraps ErrKilled.
func (p *Process) Stop(ctx context.Context) error {
	_ = p.stdin.Close() // a child that is gone has closed it
	if p.command.StopSignal != nil {
		if err := p.signal(p.command.StopSignal); err != nil {
			return err
		}
	}
	select {
	case <-p.done:
		return p.Err()
	case <-ctx.Done():
		if err := p.Kill(); err != nil {
			return err
		}
		return fmt.Errorf("%s %w", p.command.Name, ErrKilled)
	}
}

// Kill ends the child with SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *Process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", p.command.Name, err)
	}
	return nil
}
