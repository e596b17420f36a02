// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	id    = strings.Repeat("0123456789abcdef", 4)
	inner = strings.Repeat("fedcba9876543210", 4)
)

func TestContainerID(t *testing.T) {
	const pod = "pod1f2e3d4c_aaaa_bbbb_cccc_0123456789ab"
	for _, c := range []struct{ name, path, want string }{
		{"docker, systemd, v2", "/system.slice/docker-" + id + ".scope", id},
		{"docker, cgroupfs, v1", "/docker/" + id, id},
		{"containerd, systemd, v2", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" + pod + ".slice/cri-containerd-" + id + ".scope", id},
		{"containerd, cgroupfs, v1", "/kubepods/burstable/pod1f2e3d4c-aaaa-bbbb-cccc-0123456789ab/" + id, id},
		{"containerd, systemd driver without delegation", "/system.slice/containerd.service/kubepods-besteffort-" + pod + ".slice:cri-containerd:" + id, id},
		{"CRI-O", "/kubepods.slice/kubepods-" + pod + ".slice/crio-" + id + ".scope", id},
		{"CRI-O with a container's own cgroup below", "/kubepods.slice/crio-" + id + ".scope/container", id},
		{"CRI-O's monitor", "/kubepods.slice/crio-conmon-" + id + ".scope", ""},
		{"podman, root", "/machine.slice/libpod-" + id + ".scope/container", id},
		{"podman, user", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", id},
		{"podman's monitor", "/machine.slice/libpod-conmon-" + id + ".scope", ""},
		{"podman, cgroupfs", "/libpod_parent/libpod-" + id, id},
		{"nerdctl", "/system.slice/nerdctl-" + id + ".scope", id},
		{"ECS on EC2", "/ecs/0123456789abcdef0123456789abcdef/" + id, id},
		{"ECS on Fargate", "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-3134246213", "0123456789abcdef0123456789abcdef-3134246213"},
		{"a systemd inside a container", "/docker/" + id + "/system.slice/nginx.service", id},
		{"a container inside a container", "/kubepods/besteffort/pod1/" + id + "/docker/" + inner, inner},
		{"the root", "/", ""},
		{"nothing", "", ""},
		{"a service", "/system.slice/ssh.service", ""},
		{"a pod, no container", "/kubepods.slice/kubepods-" + pod + ".slice", ""},
		{"too short", "/docker/" + id[1:], ""},
		{"too long", "/docker/a" + id, ""},
		{"no hexadecimal", "/docker/g" + id[1:], ""},
		{"an ECS task without a container", "/ecs/0123456789abcdef0123456789abcdef", ""},
	} {
		require.Equal(t, c.want, ContainerID(c.path), c.name)
	}
}

const uid = "1f2e3d4c-aaaa-bbbb-cccc-0123456789ab"

func TestPodUID(t *testing.T) {
	const static = "0123456789abcdef0123456789abcdef"
	systemd := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"
	for path, want := range map[string]string{
		systemd + "/cri-containerd-" + id + ".scope": uid,
		systemd: uid,
		"/kubepods/burstable/pod" + uid + "/" + id:                                         uid,
		"/kubepods/pod" + static + "/" + id:                                                static,
		"/kubepods.slice/kubepods-pod" + static + ".slice/crio-" + id + ".scope/container": static,
		"/system.slice/containerd.service/kubepods-besteffort-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice:cri-containerd:" + id: uid,
		"/docker/" + id + "/kubelet/kubepods/besteffort/pod" + uid + "/" + inner:                                                       uid,
		"/libpod_parent/libpod-" + id:         "",
		"/user.slice/podman-" + static:        "",
		"/a/pod" + uid[1:]:                    "",
		"/a/pod" + strings.ToUpper(uid):       "",
		"/a/xpod" + uid:                       "",
		"/a/pod" + strings.Repeat("-", 36):    "",
		"/a/pod-" + uid:                       "",
		"/a/pod1f2e3d4caaaabbbbccccdddd01234": "",
		"/":                                   "",
		"":                                    "",
	} {
		require.Equal(t, want, PodUID(path), path)
	}
}

func TestUnit(t *testing.T) {
	for path, want := range map[string]string{
		"/system.slice/nginx.service":                                          "nginx.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                  "getty@tty1.service",
		"/user.slice/user-1000.slice/session-3.scope":                          "session-3.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/code.service": "code.service",
		"/system.slice/docker-" + id + ".scope":                                "",
		"/docker/" + id + "/system.slice/nginx.service":                        "nginx.service",
		"/system.slice": "",
		"/":             "",
		"":              "",
	} {
		require.Equal(t, want, Unit(path), path)
	}
}

func FuzzContainerID(f *testing.F) {
	f.Add("/system.slice/docker-" + id + ".scope")
	f.Add("/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-3134246213")
	f.Fuzz(func(t *testing.T, path string) {
		got := ContainerID(path)
		require.Contains(t, path, got)
		require.NotContains(t, got, "/")
		require.NotContains(t, Unit(path), "/")
		require.NotContains(t, PodUID(path), "/")
	})
}
