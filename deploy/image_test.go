// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"cmp"
	"debug/elf"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stage is one build target of the Dockerfile: its base image, the program it starts, and the files it copies from the
// stage "build", by their path in the image.
type stage struct {
	base, entry string
	copied      map[string]string
}

// image is what deploy/Dockerfile says.
type image struct {
	stages map[string]*stage
	// environment holds the ENV lines, commands the RUN lines of the stage "build".
	environment, commands []string
}

var (
	fromLine  = regexp.MustCompile(`^FROM (\S+) AS (\S+)$`)
	entryLine = regexp.MustCompile(`^ENTRYPOINT \["(/[^"]+)"\]$`)
	copyLine  = regexp.MustCompile(`^COPY --from=build (\S+) (\S+)$`)
	capLine   = regexp.MustCompile(`^setcap (\S+) /out/(\S+)$`)
)

func readDockerfile() (*image, error) {
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		return nil, err
	}
	file, target := &image{stages: map[string]*stage{}}, &stage{}
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\\\n", "")) {
		line = strings.TrimSpace(line)
		switch word, rest, _ := strings.Cut(line, " "); {
		case fromLine.MatchString(line):
			m := fromLine.FindStringSubmatch(line)
			target = &stage{base: m[1], copied: map[string]string{}}
			file.stages[m[2]] = target
		case entryLine.MatchString(line):
			target.entry = entryLine.FindStringSubmatch(line)[1]
		case copyLine.MatchString(line):
			m := copyLine.FindStringSubmatch(line)
			target.copied[m[2]] = m[1]
		case word == "ENV":
			file.environment = append(file.environment, rest)
		case word == "RUN":
			file.commands = append(file.commands, rest)
		}
	}
	return file, nil
}

// build runs those of the Dockerfile's commands that run the Go toolchain, in the root of the tree. The programs land in
// the folder out instead of /out. Without -trimpath the build cache has most of it.
func (i *image) build(out, version string) error {
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\nVERSION=%s\n", version)
	for _, e := range i.environment {
		fmt.Fprintln(&script, "export", e)
	}
	for _, c := range i.commands {
		if strings.HasPrefix(c, "go ") {
			fmt.Fprintln(&script, strings.NewReplacer("/out/", out+"/", " -trimpath ", " ").Replace(c))
		}
	}
	command := exec.Command("sh", "-c", script.String())
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("the Dockerfile's build: %w\n%s", err, output)
	}
	return nil
}

// capabilities gives the file capabilities that the Dockerfile gives to a program.
func (i *image) capabilities(t *testing.T, program string) string {
	t.Helper()
	for _, c := range i.commands {
		if m := capLine.FindStringSubmatch(c); len(m) == 3 && m[2] == program {
			return m[1]
		}
	}
	require.Fail(t, "no setcap", program)
	return ""
}

func dockerfile(t *testing.T) *image {
	t.Helper()
	file, err := readDockerfile()
	require.NoError(t, err)
	return file
}

// program gives the name of the program that the stage starts.
func (s *stage) program() string { return filepath.Base(cmp.Or(s.entry, "none")) }

// Each image starts a program that the build made, of the version that the build was given.
func TestImagesStartWhatTheBuildMade(t *testing.T) {
	var started []string
	for target, s := range dockerfile(t).stages {
		if s.entry == "" {
			continue
		}
		started = append(started, s.program())
		source := s.copied[s.entry]
		require.Equal(t, "/out", filepath.Dir(source), "target %s copies %s from the build", target, s.entry)
		binary := program(t, filepath.Base(source))
		out, err := exec.CommandContext(t.Context(), binary, "--version").Output()
		require.NoError(t, err)
		require.Contains(t, string(out), builtVersion)
		requireLoader(t, binary, s)
	}
	require.ElementsMatch(t, programs, started)
}

// requireLoader wants a base image with a loader for a program that needs one, and none for a static program.
func requireLoader(t *testing.T, path string, s *stage) {
	t.Helper()
	binary, err := elf.Open(path)
	require.NoError(t, err)
	needsLoader := slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
	require.NoError(t, binary.Close())
	require.Equal(t, needsLoader, s.base != "scratch", "%s from %s", s.entry, s.base)
}

// The build image's Go is new enough for the module.
func TestBuildImageHasTheGoOfTheModule(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	needed := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	has := regexp.MustCompile(`^golang:(\d+\.\d+)`).FindStringSubmatch(dockerfile(t).stages["build"].base)
	require.NotNil(t, has)
	require.LessOrEqual(t, version.Compare("go"+string(needed[1]), "go"+has[1]), 0)
}
