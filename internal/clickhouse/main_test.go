// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"

	"tcpledger/cmd/tcpledger/embedded/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }
