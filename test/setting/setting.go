// SPDX-License-Identifier: Apache-2.0

// Package setting reads what a person asks of a test or benchmark in its environment.
package setting

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// Number gives the number in the variable name, or otherwise if that is not set. What is no number fails the test.
func Number(t testing.TB, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}
