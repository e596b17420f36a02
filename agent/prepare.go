// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tcpledger/agent/capture"
	"tcpledger/internal/program"
)

// prepareCommand makes the folders that only root can make.
func prepareCommand() *cobra.Command {
	o := options{}
	var name string
	cmd := &cobra.Command{
		Use:   "prepare",
		Short: "Make the folders of the pins and of the journal for the agent's user, as root",
		Long: "prepare makes both folders and gives them, with all that is in them, to the user that the agent runs as. The unit and the DaemonSet run it\n" +
			"before the agent. It needs CAP_CHOWN, and CAP_DAC_OVERRIDE and CAP_FOWNER if the folders belong to a third user.",
		Example: "  tcpledger-agent prepare --user 65534",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := o.checkTakeover(); err != nil {
				return program.UsageError(err)
			}
			to, err := idsNamed(name, o.journalDir())
			if err != nil {
				return err
			}
			return o.prepare(to)
		},
	}
	cmd.Flags().StringVar(&o.pins, "pins", capture.DefaultPins, "`folder` of the pins, none for none")
	cmd.Flags().StringVar(&o.journal, "journal", "", "`folder` of the journal; systemd's state directory by default, "+defaultJournal+" without")
	cmd.Flags().StringVar(&name, "user", "", "the agent's `user`, a name or a number; by default the one that owns the folder of the journal")
	return cmd
}

// ids are the numbers of a user and their group.
type ids struct{ uid, gid int }

// idsNamed are those of the user of a name or number. Without one it is the folder's owner.
func idsNamed(name, folder string) (ids, error) {
	if name == "" {
		return idsOf(folder)
	}
	found, err := user.Lookup(name)
	if err != nil {
		found, err = user.LookupId(name)
	}
	if err == nil {
		uid, err1 := strconv.Atoi(found.Uid)
		gid, err2 := strconv.Atoi(found.Gid)
		return ids{uid, gid}, errors.Join(err1, err2)
	}
	number, err := strconv.ParseUint(name, 10, 31) // an image need not know its users
	if err != nil {
		return ids{}, program.UsageError(fmt.Errorf("--user %s: no such user", name))
	}
	return ids{int(number), int(number)}, nil
}

func idsOf(path string) (ids, error) {
	var is unix.Stat_t
	if err := unix.Stat(path, &is); err != nil {
		return ids{}, fmt.Errorf("whose are the folders? name the agent's --user: look at %s: %w", path, err)
	}
	return ids{int(is.Uid), int(is.Gid)}, nil
}

// prepare makes the folders, and gives them to their owner.
func (o *options) prepare(to ids) error {
	if o.pins != noPins {
		if err := capture.CheckBPF(o.pins); err != nil {
			return err
		}
		if err := to.give(o.pins); err != nil {
			return err
		}
	}
	return to.give(o.journalDir())
}

// give makes the folder if it is not there, and gives it with all that is in it to its owner alone. What the owner has already is left as it
// is. A link in the folder leads nowhere else.
func (to ids) give(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder %s: %w", folder, err)
	}
	if is, err := idsOf(folder); err == nil && is == to && private(folder) {
		return nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open %s: %w", folder, err)
	}
	defer func() { _ = root.Close() }() // only read
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		return root.Lchown(path, to.uid, to.gid)
	})
	// The folder last: until it is theirs, another run does all of it again. The mode first: its owner may be root alone.
	if err := errors.Join(err, root.Chmod(".", 0o700), root.Chown(".", to.uid, to.gid)); err != nil {
		return fmt.Errorf("give %s to user %d: %w", folder, to.uid, err)
	}
	return nil
}

func private(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && info.Mode().Perm()&0o077 == 0
}
