// SPDX-License-Identifier: Apache-2.0

package query

import "context"

// Ask returns the rows of an answer, at most 10,000, for the packages below query. Its errors name the question.
func Ask[T any](ctx context.Context, c *Client, q Question) ([]T, error) { return ask[T](ctx, c, q) }

// Table is the name of one of tcpledger's tables or views in SQL.
func (c *Client) Table(name string) string { return c.table(name) }

// Database is the name of the database that the client asks.
func (c *Client) Database() string { return c.database }

// Parameters gives the values of the parameters from and to, for a Question about the window.
func (w Window) Parameters() map[string]string { return w.parameters() }

// TextParameter writes the value of a String parameter.
func TextParameter(s string) string { return textParameter(s) }
