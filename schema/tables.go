// SPDX-License-Identifier: Apache-2.0

package schema

// Database is where the tables live.
const Database = "tcpledger"

// retentionTTL deletes whole parts by the time they were stored, so that a clock that is off cannot delete early. An
// operator changes it with ALTER TABLE … MODIFY TTL.
const (
	retentionTTL = "toDateTime(received_at) + INTERVAL 400 DAY DELETE"
	dropParts    = "ttl_only_drop_parts = 1, " + durable
	// An acknowledged insert is on the disk: its offsets are committed next.
	durable = "fsync_after_insert = 1, fsync_part_directory = 1"
	// projected tables make their projections anew when a merge drops rows.
	projected = durable + ", deduplicate_merge_projection_mode = 'rebuild'"
	// engineFirst keeps the row that was received first, of all rows with one identity.
	engineFirst = "ReplacingMergeTree(first)"
)

// Connections has one row for each TCP connection that ended.
func Connections() *Table {
	return &Table{
		Name: "connections", Doc: "One row for each TCP connection that ended: who ended it, why, in which code path, on whose behalf",
		Columns: connectionColumns(),
		Engine:  engineFirst,
		// Without the raw time column: with it, a filter on the time reads everything.
		Primary: "(toStartOfFiveMinutes(closed_at), host, cgroup_id)",
		Order:   "(toStartOfFiveMinutes(closed_at), host, cgroup_id, conn, closed_at, session, stream, seq)",
		Parts:   "toYYYYMMDD(closed_at)", TTL: retentionTTL, Setting: dropParts,
		Indexes: []string{remoteIndex, endsIndex(connectionEnds)},
	}
}

// Events has one row for each reset, drop, retransmission, error and the like.
func Events() *Table {
	return &Table{
		Name: "events", Doc: "One row for each reset, drop, retransmission, error and the like",
		Columns: eventColumns(),
		Engine:  engineFirst,
		Primary: "(toStartOfFiveMinutes(at), host, cgroup_id)",
		Order:   "(toStartOfFiveMinutes(at), host, cgroup_id, conn, at, session, stream, seq)",
		Parts:   "toYYYYMMDD(at)", TTL: retentionTTL, Setting: dropParts,
		Indexes: []string{remoteIndex, endsIndex(eventEnds)},
	}
}

// Stacks has one row for each distinct stack; the row with the most resolved frames stays.
func Stacks() *Table {
	return &Table{
		Name: "stacks", Doc: "Each distinct stack once, outermost frame last; join it by stack_id",
		Columns: []Column{
			col("stack_id", "UInt64", "", "Hash of the (build id, offset) frames: the same on every host with that build"),
			col("fp", "UInt64", "", "Fingerprint of the function names: the same across builds; 0 until every frame is resolved"),
			col("frames_resolved", "UInt16", "", "Frames that have a symbol"),
			col("symbols", "Array(String)", codecPlain, "Function and offset in it, or the raw address in hex if there is no symbol"),
			col("offsets", "Array(UInt64)", codecPlain, "Offset in the module, or the raw address without symbols"),
			col("modules", "Array(String)", codecPlain, "Module of each frame"),
			col("build_ids", "Array(String)", codecPlain, "Build id of each frame's module, empty if unknown"),
			col("lines", "Array(String)", codecPlain, "Source line of each frame, empty if unknown"),
			col("kernel_release", typeName, "", "A kernel it was seen on"),
			col("received_at", typeTime, "", "When the ingester stored the row"),
		},
		Engine: "ReplacingMergeTree(frames_resolved)", Order: "stack_id", Setting: durable,
	}
}

// Symbols has the symbol tables, each once per build id.
func Symbols() *Table {
	return &Table{
		Name: "symbols", Doc: "Symbol tables by build id; complete when all pieces are there",
		Columns: []Column{
			col("build_id", "String", codecPlain, "Build id of the module"),
			col("module", typeName, "", "kernel, a kernel module's name, or bpf"),
			col("piece", "UInt32", codecPlain, "The message it came in, from 0"),
			col("pieces", "UInt32", codecPlain, "How many messages make the table"),
			col("offset", "UInt64", codecDelta, "Distance from the module's base"),
			col("name", "String", codecPlain, "Function"),
			col("hash", "UInt64", codecPlain, "Hash of the whole table; 0 from an agent that does not say it"),
			col("received_at", typeTime, codecTime, "When the ingester stored the row"),
		},
		Engine: "ReplacingMergeTree", Setting: durable,
		// The cut and the hash are in the key: another agent's table of the same build does not replace rows of this one.
		Order: "(build_id, pieces, piece, offset, name, hash)", Primary: "(build_id, pieces, piece, offset)",
	}
}

// Hosts has one row for each run of the agent on each host.
func Hosts() *Table {
	return &Table{
		Name: "hosts", Doc: "The hosts and their agents, one row for each run",
		Columns: []Column{
			col("host", typeName, "", "Name of the host"),
			col("boot_id", "UUID", "", "Its boot"),
			col("session", "UInt64", "", "One life of the kernel-side maps"),
			col("run", "UInt64", "", "One life of the agent process"),
			col("started_at", typeTime, "", "When the run began"),
			col("kernel_release", typeName, "", "uname -r"),
			col("machine", typeName, "", "uname -m"),
			col("cpus", "UInt32", "", "Possible CPUs"),
			col("agent_version", typeName, "", "Version of the agent"),
			col("symbols", "Bool", "", "Symbol addresses could be read"),
			col("kinds", "Array(String)", "", "What it captures"),
			col("missing", "Array(String)", "", "Probes that did not attach, and why"),
			col("machine_id", "Nullable(UUID)", "", "The machine, as a hash of its /etc/machine-id: the same over boots; NULL if the agent could not read one"),
			col("received_at", typeTime, "", "When the ingester stored the row"),
		},
		Engine: "ReplacingMergeTree", Order: "(host, boot_id, session, run)", Setting: durable,
	}
}

// Checkpoints has the state of each session every few seconds.
func Checkpoints() *Table {
	return &Table{
		Name: "checkpoints", Doc: "Every 10 s and at start, takeover and end: each stream's next number, and totals of what was never numbered",
		Columns: []Column{
			col("at", typeTime, codecTime, "When it was taken"),
			col("host", typeName, "", "Name of the host"),
			col("boot_id", "UUID", codecPlain, "Its boot"),
			col("session", "UInt64", codecPlain, "One life of the kernel-side maps"),
			col("run", "UInt64", codecPlain, "One life of the agent process"),
			col("phase", typeName, "", "start, periodic, takeover or end"),
			col("streams", "Array(UInt32)", codecPlain, "The streams that were used"),
			col("next_seqs", "Array(UInt64)", codecPlain, "The next number of each"),
			col("totals", "Map(LowCardinality(String), UInt64)", codecPlain, "What was never numbered, cumulative in the session: totals only grow, what happened in a window is a difference"),
			col("clock_offset_ns", "Int64", codecDelta, "Wall clock less CLOCK_BOOTTIME"),
			col("clock_error_us", "UInt32", codecPlain, "The offset is right within this"),
			col("received_at", typeTime, codecTime, "When the ingester stored the row"),
			first(),
		},
		Engine: engineFirst, Order: "(toStartOfHour(at), host, boot_id, session, run, at)",
		Primary: "(toStartOfHour(at), host, boot_id, session)",
		Parts:   "toYYYYMMDD(at)", TTL: retentionTTL, Setting: dropParts,
	}
}

// Losses has the ranges of numbers that will never become rows.
func Losses() *Table {
	return &Table{
		Name: "loss", Doc: "Numbered records that were lost, as ranges: counted, never hidden",
		Columns: []Column{
			col("at", typeTime, codecTime, "When the loss was noticed"),
			col("host", typeName, "", "Name of the host"),
			col("boot_id", "UUID", codecPlain, "Its boot"),
			col("session", "UInt64", codecPlain, "One life of the kernel-side maps"),
			col("stream", "UInt32", codecPlain, "cpu * 4 + nesting level"),
			col("seq_from", "UInt64", codecDelta, "First number lost"),
			col("seq_to", "UInt64", codecDelta, "Last number lost"),
			alias("lost", "UInt64", "(seq_to - seq_from) + 1", "How many"),
			col("cause", typeName, "", "Where they were lost"),
			col("received_at", typeTime, codecTime, "When the ingester stored the row"),
			first(),
		},
		Engine: engineFirst, Order: "(toStartOfHour(at), host, boot_id, session, stream, seq_from, seq_to)",
		Primary: "(toStartOfHour(at), host, boot_id, session)",
		Parts:   "toYYYYMMDD(at)", TTL: retentionTTL, Setting: dropParts,
	}
}

// DeadLetters has the messages that no ingester could read, with their bytes.
func DeadLetters() *Table {
	hash := col("hash", "UInt64", codecPlain, "Of the key and the bytes: tells messages of one offset apart")
	hash.Materialized = "sipHash64(key, message)"
	return &Table{
		Name: "dead_letters", Doc: "Messages that could not be read, in whole or in part, with their bytes and the reason",
		Columns: []Column{
			col("received_at", typeTime, codecTime, "When the ingester stored the row"),
			col("topic", typeName, "", "Kafka topic"),
			col("partition", "Int32", "", "Kafka partition"),
			col("offset", "Int64", codecDelta, "Kafka offset"),
			col("reason", "String", codecPlain, "Why it could not be read"),
			col("host", typeName, "", "Host, as far as the header could be read"),
			col("boot_id", "String", codecPlain, "Boot, as far as the header could be read"),
			col("session", "UInt64", codecPlain, "Session, as far as the header could be read"),
			col("streams", "Array(UInt32)", codecPlain, "Streams of the ranges of numbers that it kept from the tables"),
			col("seqs_from", "Array(UInt64)", codecPlain, "First number of each range"),
			col("seqs_to", "Array(UInt64)", codecPlain, "Last number of each range"),
			col("key", "String", codecPlain, "The message's key"),
			col("message", "String", codecPlain, "The message's bytes"),
			hash,
			col("replayed_at", "Nullable("+typeTime+")", codecPlain, "When decode --replay sent it to its topic again; NULL if it did not"),
		},
		Engine: "ReplacingMergeTree", Order: "(topic, partition, offset, hash)", Primary: "(topic, partition, offset)",
		TTL: retentionTTL, Setting: dropParts,
	}
}

// Touched says which five minutes got rows: the views that compute the rollups read it.
func Touched() *Table {
	return &Table{
		Name: "touched", Doc: "Which five minutes got rows: a note for the views that compute the rollups",
		Columns: []Column{
			col("source", typeName, "", "connections, events, or losses for loss and checkpoints"),
			col("bucket", "DateTime('UTC')", codecDelta, "The five minutes of the rows' own times"),
			col("at", "DateTime64(3, 'UTC')", codecDelta, "When the rows were inserted"),
		},
		Engine: "ReplacingMergeTree(at)", Order: "(source, bucket)", TTL: "toDateTime(at) + INTERVAL 7 DAY DELETE", Setting: durable,
	}
}

// Tables lists the tables that the ingester fills.
func Tables() []*Table {
	return []*Table{Connections(), Events(), Stacks(), Symbols(), Hosts(), Checkpoints(), Losses(), DeadLetters()}
}

// AllTables lists all tables: those that the ingester fills, and those that ClickHouse fills from them.
func AllTables() []*Table {
	out := append(Tables(), Touched())
	for _, r := range Rollups() {
		out = append(out, r.Table())
	}
	return append(out, stormTables()...)
}
