// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"tcpledger/internal/text"
	"tcpledger/query"
	"tcpledger/schema"
)

// The flame graph's own units. Letters are about as wide as charWidth.
const (
	flameWidth = 1200.0
	frameStep  = 18
	charWidth  = 6.5
	minFrame   = 0.5 // a narrower frame is not drawn
)

// node is a function with those that it calls on the way to an ending.
type node struct {
	name     string
	endings  uint64
	children []*node
}

// child finds the function called name below n, or makes it.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	c := &node{name: name}
	n.children = append(n.children, c)
	return c
}

// Stack gives the functions of a code path, outermost first; without names it says why in their place.
func Stack(p *query.Path) []string {
	frames := schema.Path(p.Symbols)
	switch {
	case p.StackID == 0:
		return []string{"(no stack was taken)"}
	case len(frames) == 0:
		return []string{fmt.Sprintf("(stack %#x is not symbolized yet)", p.StackID)}
	}
	slices.Reverse(frames)
	return frames
}

// tree joins the code paths by what they have in common from the outside.
func tree(paths []query.Path) *node {
	root := &node{name: "all endings"}
	for i := range paths {
		root.endings += paths[i].Endings
		at := root
		for _, name := range Stack(&paths[i]) {
			at = at.child(name)
			at.endings += paths[i].Endings
		}
	}
	return root
}

// frame is a function as it is drawn.
type frame struct {
	X, W, TextX string
	Y, TextY    int
	Fill        string
	Name, Title string
}

// flame is what the template draws.
type flame struct {
	Height int
	Frames []frame
}

var flameTemplate = parsed("flame", `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 {{.Height}}" role="img" aria-label="flame graph of the code paths that ended connections">
{{- range .Frames}}
<rect fill="{{.Fill}}" x="{{.X}}" y="{{.Y}}" width="{{.W}}" height="17"><title>{{plain .Title}}</title></rect>
{{- if .Name}}<text x="{{.TextX}}" y="{{.TextY}}" class="frame">{{plain .Name}}</text>{{end}}
{{- end}}
</svg>`)

// Flame draws the code paths: each function is as wide as the endings that went through it, and stands on the one that called it.
func Flame(paths []query.Path) template.HTML {
	root := tree(paths)
	if root.endings == 0 {
		return ""
	}
	f := flame{Height: (depth(root) + 1) * frameStep}
	f.add(root, 0, 0, root.endings)
	return drawn(flameTemplate, f)
}

func depth(n *node) (deepest int) {
	for _, c := range n.children {
		deepest = max(deepest, depth(c)+1)
	}
	return deepest
}

// add draws n from x on, and what it calls above it, the widest first.
func (f *flame) add(n *node, x float64, level int, all uint64) {
	width := flameWidth * float64(n.endings) / float64(all)
	if width < minFrame {
		return
	}
	y := f.Height - (level+1)*frameStep
	share := fmt.Sprintf("%.1f %%", 100*float64(n.endings)/float64(all))
	out := frame{X: fmt.Sprintf("%.2f", x), W: fmt.Sprintf("%.2f", width), TextX: fmt.Sprintf("%.2f", x+3), Y: y, TextY: y + 13,
		Fill: warm(n.name), Title: n.name + ": " + text.Count(n.endings) + ", " + share}
	if room := int((width - 6) / charWidth); room >= 3 {
		out.Name = text.Line(n.name, room)
	}
	f.Frames = append(f.Frames, out)
	slices.SortFunc(n.children, func(a, b *node) int {
		return cmp.Or(cmp.Compare(b.endings, a.endings), strings.Compare(a.name, b.name))
	})
	for _, c := range n.children {
		f.add(c, x, level+1, all)
		x += flameWidth * float64(c.endings) / float64(all)
	}
}

// warm is a colour that a function has in every flame graph.
func warm(name string) string {
	hash := uint32(2166136261)
	for _, b := range []byte(name) {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return fmt.Sprintf("#%02x%02x%02x", 225+hash%30, 130+hash>>8%70, 60+hash>>16%40)
}
