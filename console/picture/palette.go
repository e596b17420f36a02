// SPDX-License-Identifier: Apache-2.0

package picture

import (
	"fmt"
	"slices"
	"strings"

	"tcpledger/schema"
)

// colours are those of the causes: blue and green for clean ends, red for resets, orange for failed connects, violet for timers.
var colours = map[schema.Cause]string{
	schema.CausePeerClose:         "#4c8fd6",
	schema.CauseLocalClose:        "#2fa58d",
	schema.CauseLocalShutdown:     "#86c5a4",
	schema.CauseProcessExit:       "#7b93ad",
	schema.CausePeerReset:         "#d64545",
	schema.CauseCloseUnreadData:   "#b8325e",
	schema.CauseLingerAbort:       "#e07a8b",
	schema.CauseDisconnect:        "#c06a6a",
	schema.CauseDataAfterClose:    "#9c2f2f",
	schema.CauseRefused:           "#ec8a2f",
	schema.CauseUnreachable:       "#c98b1f",
	schema.CauseConnectTimeout:    "#e3b21b",
	schema.CauseConnectAbandoned:  "#b59a62",
	schema.CauseNoLocalPort:       "#8a6d3b",
	schema.CauseHandshakeFailed:   "#a4552a",
	schema.CauseRetransmitTimeout: "#8256d0",
	schema.CauseKeepaliveTimeout:  "#a98be3",
	schema.CauseZeroWindowTimeout: "#5f3dc4",
	schema.CauseKilled:            "#d6409f",
	schema.CauseOutOfMemory:       "#8e1f6b",
	schema.CauseLinger2Timeout:    "#6c8a3c",
	schema.CauseListenerClosed:    "#4f6b8f",
	schema.CauseUnknown:           "#98a2b3",
}

// otherColour is that of a cause of a newer version.
const otherColour = "#98a2b3"

// Colour is that of a cause.
func Colour(cause string) string {
	if colour, ok := colours[schema.Cause(cause)]; ok {
		return colour
	}
	return otherColour
}

// Palette is the style sheet of the causes' colours.
func Palette() string {
	var b strings.Builder
	b.WriteString("/* SPDX-License-Identifier: Apache-2.0 */\n")
	for _, cause := range schema.Causes() {
		fmt.Fprintf(&b, ".%s { color: %[2]s; fill: %[2]s; }\n", Class(string(cause)), colours[cause])
	}
	fmt.Fprintf(&b, ".c-other { color: %[1]s; fill: %[1]s; }\n", otherColour)
	return b.String()
}

// Rank is a cause's place in the order of schema.Causes, which is that of a bar from its foot; a cause of a newer version is last.
func Rank(cause string) int {
	if i := slices.Index(schema.Causes(), schema.Cause(cause)); i >= 0 {
		return i
	}
	return len(schema.Causes())
}

// Class is a cause's class in the style sheet. A name from the tables that is no cause does not become a class.
func Class(cause string) string {
	if Rank(cause) == len(schema.Causes()) {
		return "c-other"
	}
	return "c-" + cause
}
