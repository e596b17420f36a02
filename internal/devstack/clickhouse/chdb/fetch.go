// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/download"
)

// pin is one npm package that holds ClickHouse as a library.
type pin struct {
	name, version string
	packedSHA512  string // of what `npm pack` writes
	packedBytes   int64
	librarySHA256 string // of libchdb.so in it
	libraryBytes  int64
}

// pins has a package for each architecture whose digests we have seen.
var pins = map[string]pin{
	"amd64": {
		name:          "@chdb/lib-linux-x64-gnu",
		version:       "26.7.3-stable.1",
		packedSHA512:  "5cff7b98caa7739b59a4a432c11f0dedc2d3b073624e61ebdf4a42e66ce8de35a6ba48ca9f62016bad1cd81fe059435cb858ce3235a8a2b408082a81563e70a7",
		packedBytes:   177817999,
		librarySHA256: "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5",
		libraryBytes:  566330096,
	},
}

const libraryName = "libchdb.so"

// errNoNPM names the one thing to do.
var errNoNPM = errors.New("npm is not installed: run `sudo apt-get install -y npm`, or put a clickhouse program of version 26 or later on PATH")

// ErrNoPin is returned by Fetch on an architecture whose package we have not seen.
var ErrNoPin = fmt.Errorf("there is no pinned ClickHouse library for %s: put a clickhouse program on PATH", runtime.GOARCH)

// Fetch returns the path of the library and its version. It downloads the library into the cache if it is not there, and says on
// progress how far it is. It waits while another process downloads the same.
func Fetch(ctx context.Context, progress io.Writer) (path, version string, err error) {
	pin, ok := pins[runtime.GOARCH]
	if !ok {
		return "", "", ErrNoPin
	}
	path, err = pin.fetch(ctx, progress)
	return path, pin.version, err
}

// fetch returns the path of the verified library in the download.
func (p pin) fetch(ctx context.Context, progress io.Writer) (string, error) {
	base, err := download.Dir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "clickhouse-"+p.version+"-"+runtime.GOARCH)
	library := filepath.Join(dir, libraryName)
	if download.Sealed(library, p.librarySHA256) {
		return library, nil
	}
	lock, err := dirlock.Acquire(ctx, dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Release() }() // the kernel would do it too
	if p.usable(library, progress) {
		return library, nil
	}
	return library, p.download(ctx, dir, progress)
}

// usable tells whether another process fetched the library meanwhile, or a whole one lies there without its seal.
func (p pin) usable(library string, progress io.Writer) bool {
	if download.Sealed(library, p.librarySHA256) {
		return true
	}
	digest, err := download.SumFile(library, sha256.New())
	if err != nil {
		return false
	}
	if digest != p.librarySHA256 {
		_, _ = fmt.Fprintf(progress, "%s is damaged (its checksum is wrong): fetching it again\n", library)
		return false
	}
	return download.Seal(library, digest) == nil
}

// download fills dir; the caller holds its lock.
func (p pin) download(ctx context.Context, dir string, progress io.Writer) error {
	work := filepath.Join(dir, "fetching")
	if err := os.RemoveAll(work); err != nil { // of a fetch that was killed
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }() // the next fetch would do it too
	packed, err := p.pack(ctx, work, progress)
	if err != nil {
		return err
	}
	digest, err := download.SumFile(packed, sha512.New())
	if err != nil {
		return err
	}
	if digest != p.packedSHA512 {
		return fmt.Errorf("refused %s@%s: its sha512 is %s, not the pinned %s", p.name, p.version, digest, p.packedSHA512)
	}
	unpacked := filepath.Join(work, libraryName)
	if err := p.unpack(packed, unpacked, progress); err != nil {
		return err
	}
	library := filepath.Join(dir, libraryName)
	if err := os.Rename(unpacked, library); err != nil {
		return err
	}
	return download.Seal(library, p.librarySHA256)
}

// pack has npm download the package into work, with npm's own cache there too so that the growth can be seen.
func (p pin) pack(ctx context.Context, work string, progress io.Writer) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", errNoNPM
	}
	command := exec.CommandContext(ctx, npm, "pack", "--silent", "--cache", filepath.Join(work, "npm"), p.name+"@"+p.version)
	command.Dir = work
	var said bytes.Buffer
	command.Stderr = &said
	shown := download.NewProgress(progress, "downloading ClickHouse "+p.version, p.packedBytes)
	stop := make(chan struct{})
	go shown.Watch(work, stop)
	out, err := command.Output()
	close(stop)
	if err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w: %s", p.name, p.version, err, strings.TrimSpace(said.String()))
	}
	shown.Done()
	return filepath.Join(work, filepath.Base(strings.TrimSpace(string(out)))), nil
}

// unpack writes the package's library to path and checks it.
func (p pin) unpack(packed, path string, progress io.Writer) error {
	file, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if err != nil {
			return fmt.Errorf("no %s in %s@%s: %w", libraryName, p.name, p.version, err)
		}
		if header.Name == "package/"+libraryName {
			return p.write(archive, path, download.NewProgress(progress, "unpacking ClickHouse", p.libraryBytes))
		}
	}
}

func (p pin) write(from io.Reader, path string, progress *download.Progress) error {
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, digest, progress), from)
	if err == nil {
		err = to.Sync()
	}
	if err := errors.Join(err, to.Close()); err != nil {
		return err
	}
	progress.Done()
	if got := hex.EncodeToString(digest.Sum(nil)); got != p.librarySHA256 {
		return fmt.Errorf("refused %s of %s@%s: its sha256 is %s, not the pinned %s", libraryName, p.name, p.version, got, p.librarySHA256)
	}
	return nil
}
