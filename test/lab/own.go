// SPDX-License-Identifier: Apache-2.0

package lab

import "sync"

// own holds the namespaces of this process's labs: inode number to cookie, 0 if the kernel shows no cookies. A number that
// comes again has its newest cookie.
var own struct {
	sync.Mutex
	cookies map[uint32]uint64
}

// keep remembers a lab's namespaces.
func keep(inode uint32, cookie uint64) {
	own.Lock()
	defer own.Unlock()
	if own.cookies == nil {
		own.cookies = map[uint32]uint64{}
	}
	own.cookies[inode] = cookie
}

// Own says whether a network namespace, by inode number and cookie, is one of a lab of this process. Foreign load is in none.
func Own(inode uint32, cookie uint64) bool {
	own.Lock()
	defer own.Unlock()
	kept, ok := own.cookies[inode]
	return ok && (kept == 0 || kept == cookie)
}
