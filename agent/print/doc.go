// SPDX-License-Identifier: Apache-2.0

// Package print writes records as lines for a person, as `--stdout` does: the columns that users of the old scripts know
// first, then why and by whom.
package print
