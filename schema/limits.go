// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"errors"
	"time"
)

// Version is the wire version of every message: the first element of its array. Fields are only ever appended, so it
// changes only with a new topic.
const Version = 1

// Hard caps of the decoders. A message beyond one is malformed, however it came to be.
const (
	MaxMessageBytes = 4 << 20
	MaxRecords      = 10_000
	MaxRanges       = 20_000
	MaxStreams      = 65_536
	MaxTotals       = 1_024
	MaxFrames       = 256
	MaxStacks       = 4_096
	MaxSymbols      = 200_000
	MaxPieces       = 65_535
	maxString       = 4_096
	maxBuildID      = 256 // the row of every symbol holds it: a longer one would turn one message into gigabytes
	maxDepth        = 16
)

// What a batch is closed at.
const (
	BatchRecords = 1_000
	BatchBytes   = 256 << 10
)

// EndOfTime is the first second that the tables cannot hold, in seconds since 1970: 2106-01-01. Their keys begin with
// toStartOfFiveMinutes or toStartOfHour, which are 32 bits wide: a later row would be in its table, but a filter on the time
// would not find it.
const EndOfTime = 4_291_747_200

// Retention is how long the tables keep a row unless an operator changes their TTL. A row that is older by the broker's time is
// not stored.
const Retention = 400 * 24 * time.Hour

// ErrMalformed marks a message that no decoder of this version can read. It goes to dead_letters with its bytes.
var ErrMalformed = errors.New("malformed message")
