// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/cavaliergopher/cpio"
)

// initScript is the guest's first process. It ends with the machine. The second serial line carries what the suite says;
// suite=PATTERN on the kernel's command line runs other tests of it than the endings.
const initScript = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin:/usr/bin:/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/netns
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
for m in $(cat /modules/order); do insmod /modules/$m.ko || echo "no module $m"; done
exec >/dev/ttyS1 2>&1
echo "GUEST BEGINS $(uname -r)"
export TCPLEDGER_TEST_AGENT=/agent TCPLEDGER_TEST_GUEST=1 TCPLEDGER_REQUIRE_PRIVILEGED=1 HOME=/tmp
cd /tmp
tests=$(sed -n 's/.*suite=\([^ ]*\).*/\1/p' /proc/cmdline)
/suite.test -test.v -test.timeout=35m -test.run="${tests:-^TestEndings$}"
echo "GUEST ENDS $?"
exec >/dev/console 2>&1 # to close a serial line waits until all was sent
poweroff -f
`

// Guest is what a guest has beside busybox and the kernel's modules.
type Guest struct {
	Init     string            // the script that is its first process
	Programs []string          // the machine's, with their libraries: the guest has no package manager
	Files    map[string]string // path in the guest to path on the machine
	Texts    map[string]string // path in the guest to its content
}

// suiteGuest runs the suite.
func suiteGuest(suite, agent string) Guest {
	return Guest{Init: initScript, Programs: []string{"nft", "ss", "nstat"}, Files: map[string]string{"/suite.test": suite, "/agent": agent}}
}

// initramfs packs the guest.
func (u *Unpacked) initramfs(ctx context.Context, g Guest) ([]byte, error) {
	var out bytes.Buffer
	p := &packer{w: cpio.NewWriter(&out), dirs: map[string]bool{}}
	p.data("/init", 0o755, []byte(g.Init))
	for _, d := range []string{"/proc", "/sys", "/dev", "/tmp", "/run", "/etc", "/bin"} {
		p.dir(d)
	}
	p.file("/bin/busybox", "/bin/busybox")
	for _, path := range slices.Sorted(maps.Keys(g.Files)) {
		p.file(path, g.Files[path])
	}
	for _, path := range slices.Sorted(maps.Keys(g.Texts)) {
		p.data(path, 0o644, []byte(g.Texts[path]))
	}
	for _, name := range g.Programs {
		if err := p.program(ctx, name); err != nil {
			return nil, err
		}
	}
	modules, err := u.modules(ctx)
	if err != nil {
		return nil, err
	}
	var order bytes.Buffer
	for _, m := range modules {
		p.data("/modules/"+m.name+".ko", 0o644, m.data)
		fmt.Fprintln(&order, m.name)
	}
	p.data("/modules/order", 0o644, order.Bytes())
	if p.err == nil {
		p.err = p.w.Close()
	}
	return out.Bytes(), p.err
}

// packer writes files and the directories above them; its first error sticks.
type packer struct {
	w    *cpio.Writer
	dirs map[string]bool
	err  error
}

func (p *packer) entry(h *cpio.Header, data []byte) {
	if p.err == nil {
		p.err = p.w.WriteHeader(h)
	}
	if p.err == nil && len(data) > 0 {
		_, p.err = p.w.Write(data)
	}
}

func (p *packer) dir(path string) {
	if path == "/" || p.dirs[path] {
		return
	}
	p.dir(filepath.Dir(path))
	p.dirs[path] = true
	p.entry(&cpio.Header{Name: path[1:], Mode: cpio.TypeDir | 0o755, Links: 2}, nil)
}

func (p *packer) data(path string, mode cpio.FileMode, data []byte) {
	p.dir(filepath.Dir(path))
	p.entry(&cpio.Header{Name: path[1:], Mode: cpio.TypeReg | mode, Size: int64(len(data)), Links: 1}, data)
}

func (p *packer) file(path, from string) {
	data, err := os.ReadFile(from)
	if err != nil && p.err == nil {
		p.err = err
	}
	p.data(path, 0o755, data)
}

var library = regexp.MustCompile(`(/\S+) \(0x`)

// program packs one of the machine's programs with its libraries, at their own paths.
func (p *packer) program(ctx context.Context, name string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	p.file(path, path)
	libraries, err := command(ctx, "/", "ldd", path)
	if err != nil {
		return err
	}
	for _, m := range library.FindAllSubmatch(libraries, -1) {
		if lib := string(m[1]); !p.dirs["file:"+lib] {
			p.dirs["file:"+lib] = true
			p.file(lib, lib)
		}
	}
	return p.err
}
