// SPDX-License-Identifier: Apache-2.0

// Package download keeps what was downloaded outside the source tree: where, whether a file is whole, how far a download is.
package download

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// Dir returns the directory of everything tcpledger downloads: ${XDG_CACHE_HOME:-$HOME/.cache}/tcpledger.
func Dir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for downloads: %w; set XDG_CACHE_HOME", err)
	}
	return filepath.Join(base, "tcpledger"), nil
}

// SumFile returns the hex digest of a file's bytes.
func SumFile(path string, digest hash.Hash) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // only read
	if _, err := io.Copy(digest, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// seal is what the marker file holds of a file whose digest was checked: a later start compares it, and reads no 500 MB.
type seal struct {
	Size     int64  `json:"size"`
	Modified int64  `json:"modified_ns"`
	Digest   string `json:"digest"`
}

func sealOf(path, digest string) (seal, error) {
	info, err := os.Stat(path)
	if err != nil {
		return seal{}, err
	}
	return seal{Size: info.Size(), Modified: info.ModTime().UnixNano(), Digest: digest}, nil
}

// Seal writes the marker PATH.ok, which says that the file as it is now has this digest.
func Seal(path, digest string) error {
	now, err := sealOf(path, digest)
	if err != nil {
		return err
	}
	text, err := json.Marshal(now)
	if err != nil {
		return err
	}
	marker := path + ".ok"
	if err := os.WriteFile(marker+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(marker+".new", marker)
}

// Sealed reports whether the file is there, unchanged since Seal, with this digest.
func Sealed(path, digest string) bool {
	text, err := os.ReadFile(path + ".ok")
	if err != nil {
		return false
	}
	var then seal
	if json.Unmarshal(text, &then) != nil {
		return false
	}
	now, err := sealOf(path, digest)
	return err == nil && now == then
}
