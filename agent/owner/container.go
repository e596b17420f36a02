// SPDX-License-Identifier: Apache-2.0

package owner

import "strings"

const (
	idLength   = 64
	uidLength  = 36 // with its dashes
	hashLength = 32
)

// ContainerID gives the container id in a cgroup path, v1 or v2, "" for none. It knows Docker, containerd, CRI-O and
// Podman, under systemd or not, and ECS. In a container inside a container it is the inner one's.
func ContainerID(path string) string {
	for path != "" {
		var last string
		path, last = cutLast(path)
		if id := segmentID(last); id != "" {
			return id
		}
		if _, parent := cutLast(path); fargateID(last) && strings.HasPrefix(path, "/ecs/") && parent != "ecs" {
			return last
		}
	}
	return ""
}

// Unit gives the innermost systemd service or scope in a cgroup path, "" for none. A container's scope is no unit.
func Unit(path string) string {
	for path != "" {
		var last string
		path, last = cutLast(path)
		if strings.HasSuffix(last, ".service") || strings.HasSuffix(last, ".scope") && segmentID(last) == "" {
			return last
		}
	}
	return ""
}

// PodUID gives the uid of the Kubernetes pod in a cgroup path, in lower case with dashes, "" for none. A static pod's uid is a hash: it has
// no dashes.
func PodUID(path string) string {
	for path != "" {
		var last string
		path, last = cutLast(path)
		if uid := segmentPod(last); uid != "" {
			return uid
		}
	}
	return ""
}

// segmentPod reads "podUID", "kubepods-podUID.slice", "kubepods-burstable-podUID.slice:cri-containerd:ID". systemd has an underscore for
// each dash of a uid.
func segmentPod(s string) string {
	s, _, _ = strings.Cut(s, ":")
	at := strings.LastIndex(s, "pod")
	if at < 0 || at > 0 && (s[at-1] != '-' || !strings.HasPrefix(s, "kubepods-")) {
		return ""
	}
	uid := strings.ReplaceAll(strings.TrimSuffix(s[at+len("pod"):], ".slice"), "_", "-")
	if len(uid) == hashLength && isHex(uid) {
		return uid
	}
	if len(uid) != uidLength || !isHex(strings.ReplaceAll(uid, "-", "")) || strings.Count(uid, "-") != 4 {
		return ""
	}
	return uid
}

func cutLast(path string) (before, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// segmentID reads "ID", "docker-ID.scope", "cri-containerd-ID.scope", "kubepods-….slice:cri-containerd:ID". conmon is a
// container's monitor, outside of it.
func segmentID(s string) string {
	s = strings.TrimSuffix(s, ".scope")
	if len(s) < idLength {
		return ""
	}
	runtime, id := s[:len(s)-idLength], s[len(s)-idLength:]
	if !isHex(id) || strings.HasSuffix(runtime, "conmon-") {
		return ""
	}
	if runtime == "" || strings.HasSuffix(runtime, "-") || strings.HasSuffix(runtime, ":") {
		return id
	}
	return ""
}

// fargateID reads "ID-NUMBER" with an id of 32 digits.
func fargateID(s string) bool {
	id, number, ok := strings.Cut(s, "-")
	return ok && len(id) == idLength/2 && isHex(id) && number != "" && strings.Trim(number, "0123456789") == ""
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
