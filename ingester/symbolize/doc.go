// SPDX-License-Identifier: Apache-2.0

// Package symbolize names the frames of stacks. Symbol tables live in ClickHouse, so that any ingester resolves, also one
// that is started a year after the table was published.
package symbolize
