// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDirFollowsXDG(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/somewhere")
	dir, err := Dir()
	require.NoError(t, err)
	require.Equal(t, "/somewhere/tcpledger", dir)
}

func TestSealHoldsUntilTheFileChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("good"), 0o600))
	digest, err := SumFile(path, sha256.New())
	require.NoError(t, err)
	require.Equal(t, "770e607624d689265ca6c44884d0807d9b054d23c473c106c72be9de08b7376c", digest)

	require.False(t, Sealed(path, digest))
	require.NoError(t, Seal(path, digest))
	require.True(t, Sealed(path, digest))
	require.False(t, Sealed(path, "another digest"), "a new pin needs a new file")

	require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(1, 0)))
	require.False(t, Sealed(path, digest))
	require.NoError(t, os.WriteFile(path+".ok", []byte("{"), 0o600))
	require.False(t, Sealed(path, digest))
}

func TestProgressWritesALineEveryTenth(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, "engine", 200e6)
	counter := p.Counter()
	chunk := make([]byte, 1e6)
	for range 200 {
		_, err := counter.Write(chunk)
		require.NoError(t, err)
	}
	p.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 11)
	require.Equal(t, "engine: 20 of 200 MB (10%)", lines[1])
	require.Equal(t, "engine: 200 of 200 MB (100%)", lines[10])
}

func TestWatchSeesADirectoryGrow(t *testing.T) {
	dir, out := t.TempDir(), make(chan string, 100)
	stop := make(chan struct{})
	p := NewProgress(channelWriter(out), "engine", 1000)
	go p.Watch(dir, stop)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "part"), make([]byte, 505), 0o600))
	defer close(stop)
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line := <-out:
			if strings.Contains(line, "(50%)") {
				return
			}
		case <-deadline:
			t.Fatal("the growth was not reported")
		}
	}
}

type channelWriter chan<- string

func (c channelWriter) Write(text []byte) (int, error) {
	c <- string(text)
	return len(text), nil
}
