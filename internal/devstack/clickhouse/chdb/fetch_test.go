// SPDX-License-Identifier: Apache-2.0

package chdb

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// packageOf returns an npm package that holds content as its library, and the pin that fits it.
func packageOf(t *testing.T, content []byte) ([]byte, pin) {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for name, text := range map[string][]byte{"package/package.json": []byte("{}"), "package/" + libraryName: content} {
		require.NoError(t, archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
		_, err := archive.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())
	whole, library := sha512.Sum512(packed.Bytes()), sha256.Sum256(content)
	return packed.Bytes(), pin{name: "engine", version: "1.2.3", packedBytes: int64(packed.Len()), libraryBytes: int64(len(content)),
		packedSHA512: hex.EncodeToString(whole[:]), librarySHA256: hex.EncodeToString(library[:])}
}

// npmWith puts an npm on PATH that "downloads" packed, and appends a line to the returned file each time it does.
func npmWith(t *testing.T, packed []byte) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "packed.tgz"), packed, 0o600))
	script := "#!/bin/sh\necho \"$*\" >> '" + calls + "'\ncp '" + dir + "/packed.tgz' engine.tgz && echo engine.tgz\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "npm"), []byte(script), 0o700))
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return calls
}

func TestFetchOnceVerifyAndRepair(t *testing.T) {
	content := bytes.Repeat([]byte("library"), 100_000)
	packed, pin := packageOf(t, content)
	calls := npmWith(t, packed)

	var wait sync.WaitGroup
	paths, errs := make([]string, 4), make([]error, 4)
	for i := range paths { // four processes at once, as far as the lock can tell
		wait.Go(func() { paths[i], errs[i] = pin.fetch(t.Context(), io.Discard) })
	}
	wait.Wait()
	for i, path := range paths {
		require.NoError(t, errs[i])
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, got)
	}
	require.Equal(t, 1, lines(t, calls), "fetched once")

	require.NoError(t, os.WriteFile(paths[0], content[:1000], 0o600))
	var said bytes.Buffer
	path, err := pin.fetch(t.Context(), &said)
	require.NoError(t, err)
	require.Contains(t, said.String(), "damaged")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Equal(t, 2, lines(t, calls))

	require.NoError(t, os.Remove(path+".ok"))
	_, err = pin.fetch(t.Context(), io.Discard)
	require.NoError(t, err)
	require.Equal(t, 2, lines(t, calls), "a whole library without its seal is checked, not fetched")
}

func TestATamperedPackageIsRefused(t *testing.T) {
	packed, pin := packageOf(t, []byte("library"))
	npmWith(t, append(bytes.Clone(packed), 0))
	path, err := pin.fetch(t.Context(), io.Discard)
	require.ErrorContains(t, err, "refused engine@1.2.3: its sha512 is")
	require.NoFileExists(t, path)
}

func TestATamperedLibraryIsRefused(t *testing.T) {
	packed, pin := packageOf(t, []byte("library"))
	npmWith(t, packed)
	pin.librarySHA256 = hex.EncodeToString(make([]byte, 32))
	path, err := pin.fetch(t.Context(), io.Discard)
	require.ErrorContains(t, err, "refused libchdb.so of engine@1.2.3: its sha256 is")
	require.NoFileExists(t, path)
}

func TestWithoutNPMTheCommandIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := pins["amd64"].fetch(t.Context(), io.Discard)
	require.ErrorContains(t, err, "sudo apt-get install -y npm")
}

func TestEveryPinIsWhole(t *testing.T) {
	for arch, pin := range pins {
		require.Len(t, pin.packedSHA512, 128, arch)
		require.Len(t, pin.librarySHA256, 64, arch)
		require.Positive(t, pin.packedBytes, arch)
		require.Positive(t, pin.libraryBytes, arch)
	}
}

func lines(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return bytes.Count(text, []byte("\n"))
}
