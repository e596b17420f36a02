// SPDX-License-Identifier: Apache-2.0

package stacks

import (
	"io"
	"io/fs"
	"math"
	"os"
)

// Host is the file system of this host with /proc/kallsyms and /proc/modules open. The kernel decides when a file is opened
// whether its reader sees addresses; these two were opened with CAP_SYSLOG, so that they show them after the process has
// given the capability up, and show what was loaded since too.
type Host struct {
	fs.FS
	open map[string]*os.File
}

// OpenHost opens both files. One that is missing or may not be opened is left to the reader, who finds it missing. The
// caller closes the host when nobody reads any more.
func OpenHost() *Host {
	h := &Host{FS: os.DirFS("/"), open: map[string]*os.File{}}
	for _, name := range []string{"proc/kallsyms", "proc/modules"} {
		if f, err := os.Open("/" + name); err == nil {
			h.open[name] = f
		}
	}
	return h
}

// Open gives a file from its beginning.
func (h *Host) Open(name string) (fs.File, error) {
	if f := h.open[name]; f != nil {
		return &rewound{File: f, reader: io.NewSectionReader(f, 0, math.MaxInt64)}, nil
	}
	return h.FS.Open(name)
}

// Close closes both files.
func (h *Host) Close() {
	for _, f := range h.open {
		_ = f.Close() // only read
	}
}

// rewound reads an open file from its beginning, whoever else reads it. To close it is nothing.
type rewound struct {
	*os.File
	reader io.Reader
}

// Read reads the file from its beginning.
func (r *rewound) Read(p []byte) (int, error) { return r.reader.Read(p) }

// Close does nothing: whoever opened the file closes it.
func (r *rewound) Close() error { return nil }
