// SPDX-License-Identifier: Apache-2.0

// Package symbolize names the frames of stacks that are stored. Symbol tables live in ClickHouse, so that any ingester
// resolves a stack, also one that starts a year after the table was published.
package symbolize
