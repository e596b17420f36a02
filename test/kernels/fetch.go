// SPDX-License-Identifier: Apache-2.0

// Package kernels boots other kernels than the machine's own, in software emulation, and runs the suite of endings inside, or systemd with
// the unit that is shipped.
package kernels

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Kernel is a Debian kernel to boot.
type Kernel struct {
	Name     string   // as the table of kernels shows it
	Suite    string   // Debian's
	Packages []string // patterns of the packages that make it: image and modules; the newest match is taken
	Tests    string   // of the suite; "" is the endings alone
}

// Kernels lists those that a fleet runs beside the machine's own.
func Kernels() []Kernel {
	return []Kernel{
		{"5.10", "bullseye", []string{`^linux-image-5\.10\.[0-9.]+-[0-9]+-cloud-amd64$`}, ""},
		{"6.1", "bookworm", []string{`^linux-image-6\.1\.[0-9.]+-[0-9]+-cloud-amd64$`}, ""},
		{"6.12", "trixie", []string{`^linux-image-6\.12\.[0-9]+\+deb13-cloud-amd64$`}, ""},
		// Its tracepoints may be preempted: numbers have to hold in a storm too.
		{"7.2", "sid", []string{`^linux-binary-7\.2\.[0-9]+\+deb14-cloud-amd64$`, `^linux-modules-7\.2\.[0-9]+\+deb14-cloud-amd64$`}, `^Test(Endings|Storm)$`},
	}
}

// Fetch downloads and unpacks the kernel into dir, outside the tree, unless it is there already. The packages come from
// the mirror that the machine itself uses, checked by apt against Debian's archive keys.
func (k Kernel) Fetch(ctx context.Context, dir string) (*Unpacked, error) {
	root := filepath.Join(dir, k.Suite)
	if u, err := find(root); err == nil {
		return u, nil
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial", "root"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := k.writeSource(filepath.Join(root, "sources.list")); err != nil {
		return nil, err
	}
	if _, err := k.apt(ctx, root, "apt-get", "update"); err != nil {
		return nil, err
	}
	for _, pattern := range k.Packages {
		if err := k.install(ctx, root, pattern); err != nil {
			return nil, err
		}
	}
	return find(root)
}

func (k Kernel) writeSource(path string) error {
	mirror, err := machineMirror()
	if err != nil {
		return err
	}
	line := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", mirror, k.Suite)
	return os.WriteFile(path, []byte(line), 0o600)
}

var uri = regexp.MustCompile(`(?m)^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+/debian/?)(?:\s|$)`)

// machineMirror is where the machine's own packages come from.
func machineMirror() (string, error) {
	files, _ := filepath.Glob("/etc/apt/sources.list.d/*")
	for _, f := range append([]string{"/etc/apt/sources.list"}, files...) {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if m := uri.FindSubmatch(text); m != nil {
			return string(m[1]), nil
		}
	}
	return "", fmt.Errorf("no Debian mirror in the machine's apt sources")
}

func (k Kernel) apt(ctx context.Context, root, program string, args ...string) ([]byte, error) {
	options := []string{"-o", "Dir::Etc::sourcelist=" + filepath.Join(root, "sources.list"), "-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(root, "lists"), "-o", "Dir::Cache=" + filepath.Join(root, "cache"),
		"-o", "APT::Sandbox::User=root"}
	return command(ctx, root, program, append(options, args...)...)
}

func (k Kernel) install(ctx context.Context, root, pattern string) error {
	names, err := k.apt(ctx, root, "apt-cache", "search", "--names-only", pattern)
	if err != nil {
		return err
	}
	newest := ""
	for _, line := range strings.Split(string(names), "\n") {
		if name, _, ok := strings.Cut(line, " "); ok && (newest == "" || newer(name, newest)) {
			newest = name
		}
	}
	if newest == "" {
		return fmt.Errorf("%s has no package %s", k.Suite, pattern)
	}
	if _, err := k.apt(ctx, root, "apt-get", "download", newest); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(root, newest+"_*.deb"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("apt-get downloaded no %s", newest)
	}
	_, err = command(ctx, root, "dpkg", "-x", files[len(files)-1], filepath.Join(root, "root"))
	return err
}

var digits = regexp.MustCompile(`\d+`)

// newer compares package names by the numbers in them.
func newer(a, b string) bool {
	number := func(s string) []string {
		found := digits.FindAllString(s, -1)
		for i := range found {
			found[i] = fmt.Sprintf("%12s", found[i])
		}
		return found
	}
	return slices.Compare(number(a), number(b)) > 0
}

func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said.String())
	}
	return out, nil
}

// Unpacked is a kernel on disk.
type Unpacked struct {
	Release string // uname -r
	Image   string // vmlinuz
	Root    string // what modules.dep is relative to: …/lib/modules/RELEASE
}

func find(root string) (*Unpacked, error) {
	var image, modules string
	for _, pattern := range []string{"root/boot/vmlinuz-*", "root/usr/lib/modules/*/vmlinuz"} {
		if found, _ := filepath.Glob(filepath.Join(root, pattern)); len(found) > 0 {
			image = found[0]
		}
	}
	// Newer packages have everything below /usr; depmod looks below /lib.
	if _, err := os.Stat(filepath.Join(root, "root/lib")); os.IsNotExist(err) {
		_ = os.Symlink("usr/lib", filepath.Join(root, "root/lib"))
	}
	if found, _ := filepath.Glob(filepath.Join(root, "root/lib/modules/*/kernel")); len(found) > 0 {
		modules = filepath.Dir(found[0])
	}
	if image == "" || modules == "" {
		return nil, fmt.Errorf("no kernel in %s", root)
	}
	return &Unpacked{Release: filepath.Base(modules), Image: image, Root: modules}, nil
}
