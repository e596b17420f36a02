// SPDX-License-Identifier: Apache-2.0

//go:build !amd64

package chdb

// writeCarefully has nothing to do: there is no pinned library for this architecture.
func writeCarefully(uintptr, string) error { return ErrNoPin }
