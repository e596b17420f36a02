// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"fmt"

	"tcpledger/internal/devstack/child"
	"tcpledger/internal/devstack/clickhouse/front"
)

// CanClose returns nil if this user can keep everybody but the front from the engine's own ports: by a network namespace, or by a
// socket filter. Otherwise the error wraps front.ErrOpen. Exe has the hidden commands.
func CanClose(ctx context.Context, exe string) error {
	namespace := child.CanHaveNetwork(ctx, exe)
	if namespace == nil {
		return nil
	}
	filter := front.CanClose()
	if filter == nil {
		return nil
	}
	return fmt.Errorf("%w (%w)", filter, namespace)
}
