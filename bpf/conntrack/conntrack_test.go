// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestTheObjectHoldsABatch(t *testing.T) {
	spec, err := Spec()
	require.NoError(t, err)
	require.EqualValues(t, Batch*unsafe.Sizeof(Entry{}), spec.Variables[Asked].Size())
	require.EqualValues(t, 4, spec.Variables[Count].Size())
	require.NotNil(t, spec.Programs[Program])
}
