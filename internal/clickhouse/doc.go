// SPDX-License-Identifier: Apache-2.0

// Package clickhouse is how the ingester and the engineer's program reach ClickHouse: the flags, the connections, which
// failures pass, and the migrations. The agent never imports it.
package clickhouse
