// SPDX-License-Identifier: Apache-2.0

package kafkaconn

// frames counts the requests or the answers of a connection from their bytes: each begins with its length in four bytes.
type frames struct {
	ended  int
	head   int    // bytes of the length so far
	length uint32 // the length, or the bytes that are left of the frame
}

const headBytes = 4

// inside reports whether a frame has begun and not ended.
func (f *frames) inside() bool { return f.head > 0 }

// add counts the next bytes.
func (f *frames) add(b []byte) {
	for len(b) > 0 {
		if f.head < headBytes {
			f.length = f.length<<8 | uint32(b[0])
			f.head++
			b = b[1:]
		} else {
			n := min(uint64(f.length), uint64(len(b)))
			f.length -= uint32(n)
			b = b[n:]
		}
		if f.head == headBytes && f.length == 0 {
			f.ended++
			f.head = 0
		}
	}
}
