// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"errors"
	"strings"

	"github.com/ClickHouse/ch-go"
	driver "github.com/ClickHouse/clickhouse-go/v2"
)

// passing are the server's exceptions that go away by themselves: it is overloaded, short of memory or disk, starting,
// stopping, or its replicas are not ready (src/Common/ErrorCodes.cpp).
var passing = map[int32]bool{
	// A disk that is full (of inodes too), read-only or broken, and a server out of file descriptors or memory.
	74:   true, // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75:   true, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76:   true, // CANNOT_OPEN_FILE
	77:   true, // CANNOT_CLOSE_FILE
	87:   true, // CANNOT_SEEK_THROUGH_FILE
	88:   true, // CANNOT_TRUNCATE_FILE
	173:  true, // CANNOT_ALLOCATE_MEMORY
	204:  true, // CANNOT_FSYNC
	1001: true, // STD_EXCEPTION: what the file system says to a directory that cannot be made

	32:  true, // ATTEMPT_TO_READ_AFTER_EOF: a connection of its own broke
	159: true, // TIMEOUT_EXCEEDED
	164: true, // READONLY
	198: true, // DNS_ERROR
	201: true, // QUOTA_EXCEEDED: until its next interval
	202: true, // TOO_MANY_SIMULTANEOUS_QUERIES
	203: true, // NO_FREE_CONNECTION
	209: true, // SOCKET_TIMEOUT
	210: true, // NETWORK_ERROR
	225: true, // NO_ZOOKEEPER
	236: true, // ABORTED
	241: true, // MEMORY_LIMIT_EXCEEDED
	242: true, // TABLE_IS_READ_ONLY
	243: true, // NOT_ENOUGH_SPACE
	252: true, // TOO_MANY_PARTS: merges are behind; a block of ours holds one day, so it is not the block
	279: true, // ALL_CONNECTION_TRIES_FAILED
	285: true, // TOO_FEW_LIVE_REPLICAS
	286: true, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
	319: true, // UNKNOWN_STATUS_OF_INSERT
	394: true, // QUERY_WAS_CANCELLED
	425: true, // SYSTEM_ERROR
	439: true, // CANNOT_SCHEDULE_TASK
	499: true, // S3_ERROR
	517: true, // CANNOT_ASSIGN_ALTER
	574: true, // DISTRIBUTED_TOO_MANY_PENDING_BYTES
	700: true, // USER_SESSION_LIMIT_EXCEEDED
	735: true, // QUERY_WAS_CANCELLED_BY_CLIENT
	741: true, // TABLE_UUID_MISMATCH: a migration put another table in its place just then
	745: true, // SERVER_OVERLOADED
	999: true, // KEEPER_EXCEPTION
}

// codeDenied is ClickHouse's ACCESS_DENIED.
const codeDenied = 497

// Denied reports whether the server refused err's statement to the user.
func Denied(err error) bool { return Code(err) == codeDenied }

// Code gives the server's error code in err, 0 if err is no answer of the server.
func Code(err error) int32 {
	if e, ok := ch.AsException(err); ok {
		return int32(e.Code)
	}
	var e *driver.Exception
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// Passing reports whether a failure goes away by itself, so that trying again is right: the server cannot be reached, or
// it answered with an exception of overload. Any other exception is the statement's, the data's or the account's fault; an
// UnfitError and a NewerError are the server's or the database's.
func Passing(err error) bool {
	var unfit *UnfitError
	var newer *NewerError
	if errors.As(err, &unfit) || errors.As(err, &newer) {
		return false
	}
	code := Code(err)
	return code == 0 || passing[code]
}

const (
	timeoutExceeded     = 159
	memoryLimitExceeded = 241
)

// Shortage reports whether the server as a whole is out of memory. Waiting helps then, a smaller statement hardly.
func Shortage(err error) bool {
	return Code(err) == memoryLimitExceeded && strings.Contains(err.Error(), "(total)")
}

// TooLarge reports whether the server refused a statement for what this statement needs: more memory or time than its user may
// take. A smaller one may pass.
func TooLarge(err error) bool {
	code := Code(err)
	return code == timeoutExceeded || code == memoryLimitExceeded && !Shortage(err)
}
