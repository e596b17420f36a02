// SPDX-License-Identifier: Apache-2.0

// Package picture draws answers: endings over time by cause, and the code paths that end connections as a flame graph. The page and
// the reports draw the same pictures. A picture is SVG that needs no script, no style sheet and no other file.
package picture
