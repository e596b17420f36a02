// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"

	"tcpledger/internal/devstack/clickhouse/clickhousetest"
)

func TestMain(m *testing.M) { clickhousetest.Main(m) }
