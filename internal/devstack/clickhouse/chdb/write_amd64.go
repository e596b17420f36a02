// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"
)

// libcWrite and libcErrno are the functions of libc that careful calls: write and __errno_location.
var libcWrite, libcErrno uintptr

// careful is where the code of a write is that waits while the disk is full, and ends the process if the disk is broken.
var careful uintptr

// writeCarefully gives the loaded library a write that does not fail because of the disk. The library goes on as if a failed write had
// written (its WriteBufferFromFileDescriptor::nextImpl leaves the loop and throws nothing): it would answer that rows are stored whose file
// is empty, and replace parts by merged ones that nobody can read. A thread that finds no room waits for it, as for a slow disk. What
// cannot be waited for ends the process, with ExitFailedWrite; ClickHouse is made for an end at any moment.
func writeCarefully(library uintptr, path string) (err error) {
	for name, to := range map[string]*uintptr{"write": &libcWrite, "__errno_location": &libcErrno} {
		if *to, err = purego.Dlsym(purego.RTLD_DEFAULT, name); err != nil {
			return err
		}
	}
	slot, err := slotOf("write", library, path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if !atomic.CompareAndSwapUintptr((*uintptr)(slot), libcWrite, careful) {
		return fmt.Errorf("%s: its write is not libc's", path)
	}
	return nil
}

var errNoSlot = errors.New("it does not call write by a slot")

// slotOf finds the slot of the loaded library that has the address of the function that it calls by that name.
func slotOf(name string, library uintptr, path string) (unsafe.Pointer, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was read
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return nil, err
	}
	index := func(name string) int {
		return slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
	}
	loaded, err := purego.Dlsym(library, entry)
	if err != nil {
		return nil, err
	}
	wanted, anchor, section := index(name), index(entry), file.Section(".rela.plt")
	if wanted < 0 || anchor < 0 || section == nil {
		return nil, errNoSlot
	}
	relocations, err := section.Data()
	if err != nil {
		return nil, err
	}
	const size = 24 // of a relocation: where, what, addend
	for ; len(relocations) >= size; relocations = relocations[size:] {
		where, what := binary.LittleEndian.Uint64(relocations), binary.LittleEndian.Uint64(relocations[8:])
		if elf.R_X86_64(elf.R_TYPE64(what)) == elf.R_X86_64_JMP_SLOT && elf.R_SYM64(what) == uint32(wanted+1) { // the symbol 0 is left out of symbols
			return pointer(loaded - uintptr(symbols[anchor].Value) + uintptr(where)), nil
		}
	}
	return nil, errNoSlot
}

// pointer is the memory at an address that Go does not manage.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }
