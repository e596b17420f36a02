// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Boot starts the kernel in software emulation with the suite and the agent inside and gives every line of its console to
// line. It returns when the guest powers off or ctx ends; the error says so where the suite did not pass, and is
// ErrNotBegun where the guest died before it came to the suite.
func (u *Unpacked) Boot(ctx context.Context, suite, agent, arguments string, line func(string)) error {
	dir, err := os.MkdirTemp("", "tcpledger-guest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	initrd := filepath.Join(dir, "initrd")
	packed, err := u.initramfs(ctx, suite, agent)
	if err != nil {
		return err
	}
	if err := os.WriteFile(initrd, packed, 0o600); err != nil {
		return err
	}
	// QEMU 7.2 emulates cmpxchg16b wrongly when it is interrupted (the flags get the low half of rax: a double fault).
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-cx16", "-m", "1536", "-smp", "2", "-kernel", u.Image,
		"-initrd", initrd, "-append", "console=ttyS0 panic=1 quiet no_timer_check "+arguments, "-nographic", "-no-reboot", "-nic", "none")
	console, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	begun, status := follow(console, line)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", u.Release, ctx.Err())
	case !begun:
		return fmt.Errorf("%s: %w", u.Release, errors.Join(ErrNotBegun, err))
	case err != nil:
		return fmt.Errorf("%s: qemu: %w", u.Release, err)
	case status != "0":
		return fmt.Errorf("%s: the suite ended with status %q", u.Release, status)
	}
	return nil
}

// ErrNotBegun is a guest that died before the suite began: trouble of the emulation, worth another try.
var ErrNotBegun = errors.New("the guest died before the suite began")

// follow reads the console to its end. It says whether the suite began and gives its exit status, "" where it never ended.
func follow(console io.Reader, line func(string)) (begun bool, status string) {
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := strings.TrimRight(lines.Text(), "\r")
		begun = begun || strings.Contains(text, "GUEST BEGINS ")
		if rest, ok := strings.CutPrefix(text, "GUEST ENDS "); ok {
			status = rest
		}
		line(text)
	}
	return begun, status
}
