// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"os"
	"testing"

	"tcpledger/test/lab"
)

func TestMain(m *testing.M) {
	if lab.RunIfActor() {
		return
	}
	os.Exit(m.Run())
}
