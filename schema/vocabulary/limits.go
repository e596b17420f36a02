// SPDX-License-Identifier: Apache-2.0

package vocabulary

// Constant is a number that hooks and Go agree on.
type Constant struct {
	Go, C string
	Value uint32
	Doc   string
}

// Constants lists them.
var Constants = []Constant{
	{"MaxFrames", "FRAMES", 48, "is how deep kernel stacks are taken"},
	{"Levels", "LEVELS", 4, "is how many nesting levels of a CPU count for themselves: a stream is cpu * Levels + level"},
	{"Absent32", "ABSENT32", 0xffffffff, "stands in 32-bit fields that this kernel or moment has no value for"},
}

// KindSlots is how many slots the hooks keep for each kind: a power of two above the largest number of a captured kind.
func KindSlots() uint32 {
	slots := uint32(16)
	for _, k := range Kinds {
		for k.Captured() && slots <= uint32(k.Number) {
			slots *= 2
		}
	}
	return slots
}
