// SPDX-License-Identifier: Apache-2.0

package postmortem

// parts are the report, in its order. A part is a file: what it asks, what JSON has of it, and what people read of it.
var parts = []part{
	section("totals", "", totals),
	against,
	section("timeline", "Over time", timeline),
	section("storms", "Storms", storms),
	section("by_cause", "By cause", byCause),
	section("first_movers", "Who moved first", firstMovers),
	section("both_ends", "Both ends", bothEnds),
	section("by_owner", "By owner", byOwner),
	section("by_service", "By service", byService),
	section("by_remote", "By remote", byRemote),
	section("by_path", "By code path", byPath),
	section("before_end", "Before the end", beforeEnd),
	sentAgain,
	section("endings_with_loss", "Endings with loss", endingsWithLoss),
	section("failed_connects", "Failed connects", failedConnects),
	section("lingering", "Lingering", lingering),
	section("events", "Events", events),
	section("log_lines", "Log lines", logLines),
	section("losses", "Losses", losses),
	section("not_known", "Not known", notKnown),
	known,
}
