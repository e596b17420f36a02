// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"

	"tcpledger/schema/vocabulary"
)

// Kind says what a record on the wire is. The table of the kinds is vocabulary.Kinds; the constants come from it.
type Kind uint8

// kindRows gives the row of each number, nil for a number that no kind has.
var kindRows = func() (rows [256]*vocabulary.Kind) {
	for i := range vocabulary.Kinds {
		rows[vocabulary.Kinds[i].Number] = &vocabulary.Kinds[i]
	}
	return rows
}()

// String gives the kind's name as users write it (`--enable`, `events.kind`).
func (k Kind) String() string {
	if row := kindRows[k]; row != nil {
		return row.Name
	}
	return fmt.Sprintf("kind_%d", uint8(k))
}

// IsEvent reports whether records of this kind are rows of the events table.
func (k Kind) IsEvent() bool {
	row := kindRows[k]
	return row != nil && row.Event()
}

// FromKernel reports whether hooks make the records of this kind. Of those that an agent captures, the others are the
// agent's own.
func (k Kind) FromKernel() bool {
	row := kindRows[k]
	return row != nil && row.From == vocabulary.Kernel
}

// OnByDefault reports whether this kind is captured unless somebody says otherwise.
func (k Kind) OnByDefault() bool {
	row := kindRows[k]
	return row != nil && row.Captured() && !row.Off
}

// Budget is how many records of this kind a CPU may make in a second unless somebody says otherwise; 0 is no budget.
func (k Kind) Budget() int {
	if row := kindRows[k]; row != nil {
		return row.Budget
	}
	return 0
}

// CaptureKinds lists what an agent can capture, in the order of the numbers.
func CaptureKinds() []Kind {
	var kinds []Kind
	for i := range vocabulary.Kinds {
		if vocabulary.Kinds[i].Captured() {
			kinds = append(kinds, Kind(vocabulary.Kinds[i].Number))
		}
	}
	return kinds
}

// ParseCaptureKind gives the captured kind with that name.
func ParseCaptureKind(name string) (Kind, error) {
	for _, k := range CaptureKinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("unknown kind %q: one of %v", name, CaptureKinds())
}
