// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxSymbols bounds the symbols kept from /proc/kallsyms; a kernel with all its modules has a tenth of that.
const maxSymbols = 4 << 20

// errHidden says that the kernel shows no addresses to this process.
var errHidden = errors.New("the kernel hides its addresses: kernel.kptr_restrict, or no CAP_SYSLOG")

// kallsymsLine is a line of /proc/kallsyms; name and module point into the reader's buffer.
type kallsymsLine struct {
	addr   uint64
	kind   byte
	name   []byte
	module []byte // without brackets, empty for vmlinux
}

// parseLine reads "ffffffff81000000 T _stext" or "ffffffffc0000000 t init	[name]".
func parseLine(b []byte) (kallsymsLine, bool) {
	addr, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok || len(addr) == 0 || len(addr) > 16 || len(rest) < 3 || rest[1] != ' ' {
		return kallsymsLine{}, false
	}
	l := kallsymsLine{kind: rest[0]}
	for _, c := range addr {
		digit, ok := hexDigit(c)
		if !ok {
			return kallsymsLine{}, false
		}
		l.addr = l.addr<<4 | uint64(digit)
	}
	name, module, _ := bytes.Cut(rest[2:], []byte("\t"))
	l.name = bytes.TrimSpace(name)
	l.module = bytes.Trim(bytes.TrimSpace(module), "[]")
	return l, len(l.name) > 0 && bytes.IndexByte(l.name, 0) < 0
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// text reports whether symbols of this kind are code (nm's letters; a lower-case one is local).
func text(kind byte) bool { return kind == 't' || kind == 'T' || kind == 'w' || kind == 'W' }

// found is a text symbol as it was read.
type found struct {
	addr uint64
	name uint32
}

// kallsyms holds the text symbols of each module ("" is vmlinux), and the beginning and end of vmlinux's text.
type kallsyms struct {
	names   strings.Builder
	modules map[string]*[]found
	stext   uint64
	etext   uint64
}

// readKallsyms reads all of /proc/kallsyms; errHidden if every address is 0.
func readKallsyms(r io.Reader) (*kallsyms, error) {
	k := &kallsyms{modules: map[string]*[]found{}}
	in := bufio.NewReaderSize(r, 64<<10)
	shown, count := false, 0
	for {
		b, err := in.ReadSlice('\n')
		if l, ok := parseLine(bytes.TrimSuffix(b, []byte("\n"))); ok && l.addr != 0 && count < maxSymbols {
			shown = true
			count += k.add(&l)
		}
		if err == nil || errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read kallsyms: %w", err)
		}
		if !shown {
			return nil, errHidden
		}
		return k, nil
	}
}

// add keeps a line that counts; it gives how many symbols that added.
func (k *kallsyms) add(l *kallsymsLine) int {
	if len(l.module) == 0 {
		k.mark(l)
	}
	if !text(l.kind) {
		return 0
	}
	symbols, ok := k.modules[string(l.module)]
	if !ok {
		symbols = new([]found)
		k.modules[string(l.module)] = symbols
	}
	*symbols = append(*symbols, found{addr: l.addr, name: uint32(k.names.Len())})
	k.names.Write(l.name)
	k.names.WriteByte(0)
	return 1
}

func (k *kallsyms) mark(l *kallsymsLine) {
	switch string(l.name) {
	case "_stext":
		k.stext = l.addr
	case "_etext", "_einittext":
		k.etext = max(k.etext, l.addr)
	}
}
