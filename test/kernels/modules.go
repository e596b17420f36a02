// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// wanted are the modules that the suite of endings needs. One that a kernel has built in, or does not have, is passed over.
var wanted = []string{"veth", "nf_tables", "nft_reject_inet", "nft_reject_ipv4", "nft_reject_ipv6", "nft_ct", "nft_chain_nat", "nft_nat", "tcp_diag", "inet_diag", "sch_netem", "sch_ingress", "cls_bpf"}

// module is one to load, in order.
type module struct {
	name string
	data []byte
}

// modules returns the wanted modules and their dependencies, in the order to load them.
func (u *Unpacked) modules(ctx context.Context) ([]module, error) {
	dep, err := os.ReadFile(filepath.Join(u.Root, "modules.dep"))
	if err != nil {
		base := strings.TrimSuffix(u.Root, filepath.Join("lib/modules", u.Release))
		if _, err := command(ctx, u.Root, "depmod", "-b", base, u.Release); err != nil {
			return nil, err
		}
		if dep, err = os.ReadFile(filepath.Join(u.Root, "modules.dep")); err != nil {
			return nil, err
		}
	}
	needs := parseDependencies(string(dep))
	var order []string
	seen := map[string]bool{}
	for _, name := range wanted {
		for path := range needs {
			if moduleName(path) == name {
				order = visit(path, needs, seen, order)
			}
		}
	}
	out := make([]module, 0, len(order))
	for _, path := range order {
		data, err := u.read(ctx, path)
		if err != nil {
			return nil, err
		}
		out = append(out, module{moduleName(path), data})
	}
	return out, nil
}

// read returns a module's bytes, unpacked: the kernels load no compressed module from an initramfs.
func (u *Unpacked) read(ctx context.Context, path string) ([]byte, error) {
	full := filepath.Join(u.Root, path)
	if strings.HasSuffix(path, ".xz") {
		return command(ctx, u.Root, "xz", "-dc", full)
	}
	return os.ReadFile(full)
}

// parseDependencies reads modules.dep: "path: path path".
func parseDependencies(text string) map[string][]string {
	out := map[string][]string{}
	for _, line := range strings.Split(text, "\n") {
		if path, rest, ok := strings.Cut(line, ":"); ok {
			out[path] = strings.Fields(rest)
		}
	}
	return out
}

func visit(path string, needs map[string][]string, seen map[string]bool, order []string) []string {
	if seen[path] {
		return order
	}
	seen[path] = true
	for _, n := range needs[path] {
		order = visit(n, needs, seen, order)
	}
	return append(order, path)
}

func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
