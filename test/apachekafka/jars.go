// SPDX-License-Identifier: Apache-2.0

package apachekafka

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // pom.xml and the digests
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"tcpledger/internal/devstack/dirlock"
	"tcpledger/internal/devstack/download"
)

// version names the cache's folder; pom.xml and jars.sha256 say what is in it.
const version = "4.3.1"

// jarsBytes is about the size of all the jars, for the progress.
const jarsBytes = 45_000_000

//go:embed pom.xml
var pom []byte

//go:embed jars.sha256
var digests string

// errMissing is wrapped when this machine lacks what Apache Kafka needs.
var errMissing = errors.New("run `sudo apt-get install -y default-jre-headless maven`")

// jars returns the folder with the verified jars. Maven downloads those that are missing or damaged. Two test processes
// wait for each other.
func jars(ctx context.Context, progress io.Writer) (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", fmt.Errorf("java is not installed: %w", errMissing)
	}
	base, err := download.Dir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "apache-kafka-"+version)
	lock, err := dirlock.Acquire(ctx, dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Release() }() // the kernel would do it too
	lib := filepath.Join(dir, "lib")
	if verify(lib) == nil {
		return lib, nil
	}
	return lib, fetchJars(ctx, dir, lib, progress)
}

// fetchJars fills lib through a folder beside it, so that lib is whole or not there.
func fetchJars(ctx context.Context, dir, lib string, progress io.Writer) error {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return fmt.Errorf("maven is not installed: %w", errMissing)
	}
	work := filepath.Join(dir, "fetching")
	for _, old := range []string{work, lib} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	project := filepath.Join(work, "pom.xml")
	if err := os.WriteFile(project, pom, 0o644); err != nil {
		return err
	}
	fresh := filepath.Join(work, "lib")
	command := exec.CommandContext(ctx, maven, "-q", "-B", "-f", project, "dependency:copy-dependencies",
		"-DoutputDirectory="+fresh, "-DincludeScope=runtime")
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	shown := download.NewProgress(progress, "downloading Apache Kafka "+version, jarsBytes)
	stop := make(chan struct{})
	go shown.Watch(fresh, stop)
	err = command.Run()
	close(stop)
	if err != nil {
		return fmt.Errorf("fetching Apache Kafka with maven: %w: %s", err, strings.TrimSpace(said.String()))
	}
	shown.Done()
	if err := verify(fresh); err != nil {
		return fmt.Errorf("refused what maven brought: %w", err)
	}
	return os.Rename(fresh, lib)
}

// verify compares the folder with the digests: every jar of the list, as it was, and no other.
func verify(lib string) error {
	want := make(map[string]string)
	for line := range strings.Lines(digests) {
		digest, name, found := strings.Cut(strings.TrimSpace(line), "  ")
		if !found {
			return fmt.Errorf("jars.sha256 has a line without a checksum: %q", line)
		}
		want[name] = digest
	}
	entries, err := os.ReadDir(lib)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		digest, err := download.SumFile(filepath.Join(lib, entry.Name()), sha256.New())
		if err != nil {
			return err
		}
		if digest != want[entry.Name()] {
			return fmt.Errorf("%s has the digest %s, pinned is %q", entry.Name(), digest, want[entry.Name()])
		}
		delete(want, entry.Name())
	}
	if len(want) > 0 {
		return fmt.Errorf("%d jars are missing", len(want))
	}
	return nil
}
