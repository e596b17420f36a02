// SPDX-License-Identifier: Apache-2.0

package postmortem

// parts are the report, in its order. A part is a file: what it asks, what JSON has of it, and what people read of it.
var parts = []part{
	section("totals", "", totals),
	section("timeline", "Over time", timeline),
	section("by_cause", "By cause", byCause),
	section("by_owner", "By owner", byOwner),
	section("by_remote", "By remote", byRemote),
	section("by_path", "By code path", byPath),
	section("events", "Events", events),
	section("losses", "Losses", losses),
	known,
}
