// SPDX-License-Identifier: Apache-2.0

package owner

import (
	"os"
	"strings"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// DefaultPodLogs is where kubelet keeps the logs of pods: each has a folder there, called NAMESPACE_NAME_UID, before its first process runs.
const DefaultPodLogs = "/var/log/pods"

const (
	maxPods      = 4_096 // remembered
	maxFolders   = 3_072 // in a look; a node has some hundred pods
	folderBatch  = 256
	maxNamespace = 63
	maxPodName   = 253
	lookPause    = time.Second
	maxLookPause = time.Minute
)

// pod is what a pod is called. Without a name it was not found: again is when to look for it the next time, after pause.
type pod struct {
	namespace, name string
	again           time.Time
	pause           time.Duration
}

// pods finds the names of pods by their uid in the names of folders. A pod's uid is never another's.
type pods struct {
	folder string // "" for none
	names  *lru.Cache[string, pod]
	next   time.Time // no look before
	now    func() time.Time
	looks  int
}

func newPods(folder string) (*pods, error) {
	names, err := lru.New[string, pod](maxPods)
	if err != nil {
		return nil, err
	}
	return &pods{folder: folder, names: names, now: time.Now}, nil
}

// of gives the pod's names, empty if its folder is not there. An unknown pod is looked for once a second at most, then ever more rarely.
func (p *pods) of(uid string) pod {
	if p.folder == "" || uid == "" {
		return pod{}
	}
	found, _ := p.names.Get(uid)
	if found.name != "" {
		return found
	}
	began := p.now()
	if began.Before(p.next) || began.Before(found.again) {
		return pod{}
	}
	p.look()
	ended := p.now()
	p.next = ended.Add(max(lookPause, walkShare*ended.Sub(began)))
	if named, ok := p.names.Get(uid); ok && named.name != "" {
		return named
	}
	pause := min(max(2*found.pause, lookPause), maxLookPause)
	p.names.Add(uid, pod{again: ended.Add(pause), pause: pause})
	return pod{}
}

// look reads the names of the folders. It enters none. What cannot be read has no names: a host without kubelet has no such folder.
func (p *pods) look() {
	p.looks++
	folder, err := os.OpenFile(p.folder, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer func() { _ = folder.Close() }() // only read
	for seen := 0; seen < maxFolders; {
		entries, err := folder.ReadDir(folderBatch)
		for _, e := range entries {
			if uid, named, ok := parsePod(e.Name()); ok && e.IsDir() {
				p.names.Add(uid, named)
			}
		}
		seen += len(entries)
		if err != nil {
			return
		}
	}
}

// parsePod reads the name of a pod's folder. What is no name that Kubernetes gives is none: it may have been made to harm.
func parsePod(folder string) (uid string, named pod, ok bool) {
	namespace, rest, _ := strings.Cut(folder, "_")
	name, uid, _ := strings.Cut(rest, "_")
	ok = isName(namespace, maxNamespace, "") && isName(name, maxPodName, ".") && segmentPod("pod"+uid) == uid && uid != ""
	return uid, pod{namespace: namespace, name: name}, ok
}

// isName reports whether s is a name of small letters, digits and dashes, or what else may be in it.
func isName(s string, longest int, also string) bool {
	return s != "" && len(s) <= longest && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-"+also) == ""
}
