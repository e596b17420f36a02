// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Boot starts the kernel in software emulation, and calls line for every line that the guest prints. The kernel's own messages go
// to a second console, so that they break no line; line gets them if the guest fails. Boot returns when the guest powers off or ctx
// ends. The error is ErrNotBegun or ErrPatched if the emulation is to blame.
func (u *Unpacked) Boot(ctx context.Context, g Guest, arguments string, line func(string)) error {
	dir, err := os.MkdirTemp("", "tcpledger-guest-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	initrd := filepath.Join(dir, "initrd")
	packed, err := u.initramfs(ctx, g)
	if err != nil {
		return err
	}
	if err := os.WriteFile(initrd, packed, 0o600); err != nil {
		return err
	}
	console := filepath.Join(dir, "console")
	cmd := u.qemu(ctx, initrd, console, arguments)
	said, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	begun, status := follow(said, line)
	err = cmd.Wait()
	kernelSaid, _ := os.ReadFile(console)
	err = u.ended(ctx, begun, status, kernelSaid, err)
	if err != nil {
		_, _ = follow(bytes.NewReader(kernelSaid), line)
	}
	return err
}

// qemu is the machine: the kernel's own messages go to the file console, the second serial line to standard output.
func (u *Unpacked) qemu(ctx context.Context, initrd, console, arguments string) *exec.Cmd {
	// QEMU 7.2 emulates cmpxchg16b wrongly when it is interrupted (the flags get the low half of rax: a double fault). On a busy
	// machine the guest measures its TSC wrongly, and its clock then runs up to ten times too fast: it takes the HPET.
	return exec.CommandContext(ctx, "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,-cx16", "-m", "1536", "-smp", "2", "-no-reboot",
		"-kernel", u.Image, "-initrd", initrd, "-append", "console=ttyS0 panic=1 quiet no_timer_check clocksource=hpet tsc=unstable "+arguments,
		"-display", "none", "-monitor", "none", "-nic", "none", "-serial", "file:"+console, "-serial", "stdio")
}

// ended returns the error of a guest that has ended.
func (u *Unpacked) ended(ctx context.Context, begun bool, status string, kernelSaid []byte, err error) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", u.Release, ctx.Err())
	case !begun:
		return fmt.Errorf("%s: %w", u.Release, errors.Join(ErrNotBegun, err))
	case status == "" && goneBreakpoint(kernelSaid):
		return fmt.Errorf("%s: %w", u.Release, ErrPatched)
	case err != nil:
		return fmt.Errorf("%s: qemu: %w", u.Release, err)
	case status != "0":
		return fmt.Errorf("%s: the tests ended with status %q", u.Release, status)
	}
	return nil
}

// The errors of a guest that died of its emulation: try again.
var (
	ErrNotBegun = errors.New("the guest died before its tests began")
	// ErrPatched: a kernel puts a breakpoint over an instruction while it changes it. An emulated CPU may run it from what it has translated
	// when the breakpoint is gone from memory; seen with QEMU 7.2.
	ErrPatched = errors.New("the guest ran a breakpoint that its kernel had removed")
)

// int3 is a breakpoint that no handler knew, up to the byte in memory before the next instruction.
var int3 = regexp.MustCompile(`(?s)Oops: int3: .*?Code: (?:[0-9a-f]{2} )*?([0-9a-f]{2}) <`)

// goneBreakpoint reports whether the kernel died of a breakpoint that is no more in memory. One that is there is the kernel's own fault, or ours.
func goneBreakpoint(kernelSaid []byte) bool {
	found := int3.FindSubmatch(kernelSaid)
	return len(found) == 2 && string(found[1]) != "cc"
}

// follow reads the output to its end. It returns whether the tests began and its exit status, "" if it did not end.
func follow(said io.Reader, line func(string)) (begun bool, status string) {
	lines := bufio.NewScanner(said)
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
