// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"tcpledger/schema"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// newIdentity gives the header of this life of the agent: it loads the kernel-side maps anew, so session and run both begin.
func newIdentity(host string) (schema.Header, error) {
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return schema.Header{}, fmt.Errorf("read the boot id: %w", err)
	}
	return schema.Header{Host: host, BootID: strings.TrimSpace(string(boot)), Session: random(), Run: random()}, nil
}

// random is never 0, which stands for none.
func random() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// kernel gives the kernel's release and the machine, as uname -rm prints them.
func kernel() (release, machine string, err error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", "", fmt.Errorf("uname: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Machine[:]), nil
}
