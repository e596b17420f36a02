// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// Mount is where a program with a user of its own sees its folder, in a mount namespace of its own.
const Mount = "/mnt"

// users are the numbers that a program's own user may have, best first. The first lies where neither distributions, systemd nor
// containers assign any; the second is for a user namespace that maps 65536 numbers.
var users = []int{2001008123, 63321}

// needs are what it takes to change the user and to show a folder elsewhere.
var needs = []cap.Value{cap.SETUID, cap.SETGID, cap.SYS_ADMIN, cap.CHOWN, cap.DAC_OVERRIDE}

// OwnUser is the user that a program of this process can be given for itself, one that no account has; 0 if this process may not
// change users.
func OwnUser() int {
	own, err := cap.GetPID(0)
	if err != nil || os.Geteuid() != 0 {
		return 0
	}
	for _, need := range needs {
		if has, err := own.GetFlag(cap.Effective, need); err != nil || !has {
			return 0
		}
	}
	for _, uid := range users {
		if _, err := user.LookupId(strconv.Itoa(uid)); err != nil && mapped(uid) {
			return uid
		}
	}
	return 0
}

// mapped tells whether this user namespace has the number.
func mapped(uid int) bool {
	file, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }() // only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var first, outside, count int
		if n, err := fmt.Sscan(lines.Text(), &first, &outside, &count); err == nil && n == 3 && uid >= first && uid-first < count {
			return true
		}
	}
	return false
}

// Give makes dir and all in it the user's, and closed to others. The folder itself is last, so that one that is the user's is
// whole: it is not walked again.
func Give(dir string, uid int) error {
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		return err
	}
	if int(stat.Uid) != uid {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || path == dir {
				return err
			}
			return os.Lchown(path, uid, uid)
		})
		if err != nil {
			return err
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return os.Lchown(dir, uid, uid)
}

// showAt gives this thread a mount namespace of its own in which dir is at the mount point.
func showAt(point, dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	return unix.Mount(dir, point, "", unix.MS_BIND|unix.MS_REC, "")
}

// changeUser makes this thread the user and the group, without other groups; unix.Setresuid would be for all threads. Standard input
// becomes the user's too: a program may open /dev/stdin anew.
func changeUser(uid int) error {
	if uid == 0 {
		return nil
	}
	if err := unix.Fchown(0, uid, uid); err != nil {
		return err
	}
	id := uintptr(uid)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, id, id, id); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, id, id, id); errno != 0 {
		return errno
	}
	return nil
}
