// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tcpledger/schema"
	"tcpledger/test/hostile"
)

// podLogs makes a folder as kubelet does.
func podLogs(t *testing.T, names ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pods")
	require.NoError(t, os.Mkdir(dir, 0o755))
	for _, name := range names {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, name, "app"), 0o755))
	}
	return dir
}

// clocked is pods whose clock the test moves.
func clocked(t *testing.T, dir string) (p *pods, forward func(time.Duration)) {
	t.Helper()
	p, err := newPods(dir)
	require.NoError(t, err)
	now := time.Unix(1000, 0)
	p.now = func() time.Time { return now }
	return p, func(d time.Duration) { now = now.Add(d) }
}

func TestPodsHaveTheNamesOfTheirFolders(t *testing.T) {
	const static = "0123456789abcdef0123456789abcdef"
	dir := podLogs(t, "shop_api-7d4b9c-x2x1z_"+uid, "kube-system_kube-apiserver-node.example.com_"+static)
	n, err := New(forgetful{cgroups: map[uint64]string{
		1: "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-" + id + ".scope",
		2: "/kubepods/burstable/pod" + uid + "/" + id,
		3: "/kubepods/pod" + static + "/" + id,
		4: "/kubepods/besteffort/pod" + strings.Replace(uid, "1", "9", 1) + "/" + id,
		5: "/system.slice/nginx.service",
	}}, t.TempDir(), t.TempDir(), dir)
	require.NoError(t, err)
	for cgroup, want := range map[uint64][3]string{
		1: {uid, "shop", "api-7d4b9c-x2x1z"}, 2: {uid, "shop", "api-7d4b9c-x2x1z"}, 3: {static, "kube-system", "kube-apiserver-node.example.com"},
		4: {strings.Replace(uid, "1", "9", 1), "", ""}, 5: {},
	} {
		o := schema.Owner{CgroupHow: schema.CgroupV2, CgroupID: cgroup, PodNamespace: "of the last record", PodName: "of the last record"}
		n.Fill(&o, 0)
		require.Equal(t, want, [3]string{o.PodUID, o.PodNamespace, o.PodName}, cgroup)
	}
}

// A pod whose folder comes late has its name then; until then nobody looks more often than once a second, and ever more rarely.
func TestPodsAreLookedForWithinBounds(t *testing.T) {
	dir := podLogs(t)
	p, forward := clocked(t, dir)
	for range 1000 {
		require.Empty(t, p.of(uid).name)
	}
	require.Equal(t, 1, p.looks)
	for range 3600 {
		forward(time.Second)
		p.of(uid)
	}
	require.LessOrEqual(t, p.looks, 70, "1, 2, 4, …, then each minute")

	require.NoError(t, os.Mkdir(filepath.Join(dir, "shop_late_"+uid), 0o755))
	forward(maxLookPause)
	require.Equal(t, "late", p.of(uid).name)
	looks := p.looks
	require.NoError(t, os.RemoveAll(dir)) // the pod's last connections end after its folder went
	require.Equal(t, "late", p.of(uid).name)
	require.Equal(t, looks, p.looks)

	forward(time.Hour)
	require.Empty(t, p.of("another").name, "no folder at all")
	for i := range 2 * maxPods {
		forward(time.Second)
		p.of(fmt.Sprint(i))
	}
	require.LessOrEqual(t, p.names.Len(), maxPods)
}

func TestWithoutPodLogs(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "none"), "/etc/hostname"} {
		p, _ := clocked(t, dir)
		require.Empty(t, p.of(uid).name, dir)
	}
}

func TestFoldersThatAreNoPods(t *testing.T) {
	names := []string{"a_b", "a_b_", "_b_" + uid, "a__" + uid, "a_b_c_" + uid, "A_b_" + uid, "a_b_" + strings.ToUpper(uid), "a_b_" + strings.ReplaceAll(uid, "-", "_"), "a.b_c_" + uid,
		strings.Repeat("n", 64) + "_b_" + uid, "a_" + strings.Repeat("p", 254) + "_" + uid, uid, ""}
	for _, name := range hostile.Names() {
		names = append(names, name+"_b_"+uid, "a_"+name+"_"+uid, "a_b_"+name)
	}
	dir := podLogs(t)
	for _, name := range names {
		_, _, ok := parsePod(name)
		require.False(t, ok, "%q", name)
		_ = os.Mkdir(filepath.Join(dir, name), 0o755) // some cannot be made
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a_file_"+uid), nil, 0o600))
	require.NoError(t, os.Symlink("/", filepath.Join(dir, "a_link_"+uid)))
	p, _ := clocked(t, dir)
	require.Empty(t, p.of(uid))
	require.Equal(t, []string{uid}, p.names.Keys(), "nothing but that it is not there")
}

func FuzzParsePod(f *testing.F) {
	f.Add("shop_api-7_" + uid)
	f.Add("a_b_0123456789abcdef0123456789abcdef")
	f.Fuzz(func(t *testing.T, folder string) {
		if uid, named, ok := parsePod(folder); ok {
			require.Equal(t, folder, named.namespace+"_"+named.name+"_"+uid)
			require.Equal(t, uid, PodUID("/kubepods/pod"+uid))
			require.LessOrEqual(t, len(folder), maxNamespace+maxPodName+uidLength+2)
		}
	})
}
