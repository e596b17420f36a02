// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tcpledger/internal/text"
	"tcpledger/schema"
)

// SharedName is a name of hosts or a machine id that more than one machine had. AtOnce is how many of them were up at the same time; 1 is
// a name whose machines came one after the other. MachineIDs counts the ids that are known. Hosts and Boots have at most 100 each, the
// boots in the order of their first checkpoint. Since and Until are the first and last checkpoint of all of them.
type SharedName struct {
	Shared     string    `ch:"shared" json:"shared"` // name or machine_id
	Name       string    `ch:"name" json:"name"`
	AtOnce     uint64    `ch:"at_once" json:"at_once"`
	MachineIDs uint64    `ch:"machine_ids" json:"machine_ids"`
	Hosts      []string  `ch:"hosts" json:"hosts"`
	Boots      []string  `ch:"boots" json:"boots"`
	Since      time.Time `ch:"since" json:"since"`
	Until      time.Time `ch:"until" json:"until"`
}

// SharedNames lists the host names and machine ids that more than one machine had in the window.
func (c *Client) SharedNames(ctx context.Context, w Window, f Filter) ([]SharedName, error) {
	where, parameters := "", w.parameters()
	if f.Host != "" {
		where, parameters["host"] = "\nWHERE has(hosts, {host:String})", textParameter(f.Host)
	}
	return ask[SharedName](ctx, c, Question{"names that machines share", fmt.Sprintf(`SELECT shared, name, at_once, machine_ids, hosts, arrayMap(b -> toString(b), boots) AS boots, since, until
FROM %s(from = {from:String}, to = {to:String})%s
ORDER BY shared DESC, at_once DESC, name
LIMIT %d`, c.table("shared_names"), where, maxRows), parameters})
}

// namesAtOnce is a parameter: the names that machines have at the same time. The server reads an array as it stands, not as a field of a TSV
// file.
func namesAtOnce(shared []SharedName) string {
	var quoted []string
	for i := range shared {
		if s := &shared[i]; s.Shared == "name" && s.AtOnce > 1 {
			quoted = append(quoted, schema.Quote(s.Name))
		}
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// maxNamed is as many boots or hosts as a sentence has.
const maxNamed = 3

// kind is the case of an audit's finding.
func (s *SharedName) kind() string {
	switch {
	case s.Shared == "machine_id":
		return "cloned machines"
	case s.AtOnce < 2:
		return "another machine"
	}
	return "two machines"
}

// String says it in a sentence, which names the hosts as a terminal can show them.
func (s *SharedName) String() string {
	switch {
	case s.Shared == "machine_id":
		return fmt.Sprintf("%s have the machine id %s: %s. They are clones", machines(s.AtOnce), s.Name, some(s.Hosts))
	case s.AtOnce < 2:
		return fmt.Sprintf("%s called themselves %s, one after the other: boots %s (or one whose machine id changed)", machines(s.MachineIDs), text.Printable(s.Name), some(s.Boots))
	case s.MachineIDs == 1:
		return fmt.Sprintf("%s call themselves %s: boots %s report at the same time, with one machine id: clones", machines(s.AtOnce), text.Printable(s.Name), some(s.Boots))
	}
	return fmt.Sprintf("%s call themselves %s: boots %s report at the same time", machines(s.AtOnce), text.Printable(s.Name), some(s.Boots))
}

func machines(n uint64) string {
	if n == 2 {
		return "two machines"
	}
	return text.Count(n) + " machines"
}

// some names the first of names.
func some(names []string) string {
	var out []string
	for _, n := range names[:min(len(names), maxNamed)] {
		out = append(out, text.Printable(n))
	}
	if more := len(names) - len(out); more > 0 {
		return strings.Join(out, ", ") + " and " + text.Count(uint64(more)) + " more"
	}
	if last := len(out) - 1; last > 0 {
		return strings.Join(out[:last], ", ") + " and " + out[last]
	}
	return strings.Join(out, "")
}
