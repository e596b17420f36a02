// SPDX-License-Identifier: Apache-2.0

package query

// FromRows is the client, with rows in place of rollups.
func (c *Client) FromRows() *Client {
	out := *c
	out.rowsOnly = true
	return &out
}
