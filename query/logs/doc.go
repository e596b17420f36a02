// SPDX-License-Identifier: Apache-2.0

// Package logs asks which endings are behind the log lines and spans of a business, and which lines are beside an ending. The lines
// are those of the OpenTelemetry Collector's ClickHouse exporter.
//
// A line is matched by what it says of itself, the strongest first: an end with address and port, its container or pod, its host and
// process id, its host alone. Each match says how it was made and how far off in time it is. If more than one connection fits, their
// number is said and none is chosen.
package logs
