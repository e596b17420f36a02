// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HoldByRing registers the socket with a new io_uring of the actor and starts a read of one byte there. The ring holds the socket after
// the descriptor is closed. The error is the kernel's if it has no io_uring for the actor.
func (s *Socket) HoldByRing() syscall.Errno {
	s.Actor.t.Helper()
	return syscall.Errno(s.Actor.do(command{Op: "hold-by-ring", FD: s.FD}).Errno)
}

// What include/uapi/linux/io_uring.h says, as far as one request goes.
const (
	ringEntries       = 4
	ringParamsSize    = 120
	ringSize          = 4096
	ringRegisterFiles = 2
	ringOpRecv        = 27
	ringFixedFile     = 1
	ringOffsetSQEs    = 0x10000000
	// Offsets in the parameters: of the tail of the submission queue and of its array.
	ringTailAt  = 44
	ringArrayAt = 64
)

// ringMemory stays mapped for the life of the actor: the kernel writes into it.
var ringMemory [][]byte

func mapRing(fd int, offset int64) ([]byte, error) {
	memory, err := unix.Mmap(fd, offset, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err == nil {
		ringMemory = append(ringMemory, memory)
	}
	return memory, err
}

func holdByRing(fd int) error {
	params := make([]byte, ringParamsSize)
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, ringEntries, uintptr(unsafe.Pointer(&params[0])), 0)
	if errno != 0 {
		return errno
	}
	file := int32(fd)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, ringRegisterFiles, uintptr(unsafe.Pointer(&file)), 1, 0, 0); errno != 0 {
		return errno
	}
	queue, err := mapRing(int(ring), 0)
	if err != nil {
		return err
	}
	requests, err := mapRing(int(ring), ringOffsetSQEs)
	if err != nil {
		return err
	}
	into, err := unix.Mmap(-1, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return err
	}
	ringMemory = append(ringMemory, into)
	requests[0], requests[1] = ringOpRecv, ringFixedFile // fd 0: the first registered file
	binary.LittleEndian.PutUint64(requests[16:], uint64(uintptr(unsafe.Pointer(&into[0]))))
	binary.LittleEndian.PutUint32(requests[24:], 1)
	tail, array := binary.LittleEndian.Uint32(params[ringTailAt:]), binary.LittleEndian.Uint32(params[ringArrayAt:])
	binary.LittleEndian.PutUint32(queue[array:], 0)
	binary.LittleEndian.PutUint32(queue[tail:], 1)
	if _, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, ring, 1, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
