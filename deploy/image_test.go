// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"debug/elf"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// stage is one build target of the Dockerfile: what it starts from and the program it starts.
type stage struct{ base, entry string }

// stages reads deploy/Dockerfile, by target.
func stages(t *testing.T) map[string]stage {
	t.Helper()
	from := regexp.MustCompile(`^FROM (\S+) AS (\S+)$`)
	entry := regexp.MustCompile(`^ENTRYPOINT \["/([^"]+)"\]$`)
	found, target := map[string]stage{}, ""
	for line := range strings.Lines(dockerfile(t)) {
		line = strings.TrimSpace(line)
		if m := from.FindStringSubmatch(line); m != nil {
			target = m[2]
			found[target] = stage{base: m[1]}
		}
		if m := entry.FindStringSubmatch(line); m != nil {
			found[target] = stage{base: found[target].base, entry: m[1]}
		}
	}
	return found
}

func dockerfile(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	return string(content)
}

func TestDockerfileBuildsWhatThereIs(t *testing.T) {
	content, targets := dockerfile(t), stages(t)
	for name, folder := range packages {
		require.Contains(t, content, "-o /out/"+name+" "+folder)
		require.DirExists(t, filepath.Join(root, folder))
		require.Contains(t, content, "COPY --from=build /out/"+name+" /"+name+"\n")
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([a-z]\S*) (\S+) \./$`).FindAllStringSubmatch(content, -1) {
		require.FileExists(t, filepath.Join(root, m[1]))
		require.FileExists(t, filepath.Join(root, m[2]))
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	require.True(t, strings.HasPrefix(targets["build"].base, "golang:"+string(version[1])+"-"), targets["build"].base)
	variable := regexp.MustCompile(`-X tcpledger/(\S+)\.(\w+)=`).FindStringSubmatch(content)
	require.NotNil(t, variable)
	source, err := os.ReadFile(filepath.Join(root, variable[1], "version.go"))
	require.NoError(t, err)
	require.Contains(t, string(source), "\nvar "+variable[2]+" string\n")
}

// In an image with nothing but the program there is no loader to start it with.
func TestImagesFromScratchHoldStaticPrograms(t *testing.T) {
	var started []string
	for target, s := range stages(t) {
		if s.entry == "" {
			continue
		}
		started = append(started, s.entry)
		binary, err := elf.Open(program(t, s.entry))
		require.NoError(t, err)
		needsLoader := slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
		require.NoError(t, binary.Close())
		require.Equal(t, needsLoader, s.base != "scratch", "target %s from %s", target, s.base)
	}
	require.ElementsMatch(t, []string{"tcpledger-agent", "tcpledger-ingester", "tcpledger"}, started)
}
