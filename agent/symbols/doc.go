// SPDX-License-Identifier: Apache-2.0

// Package symbols uploads symbol tables to Kafka: the table of each build that a stack refers to, once per fleet. The builds
// topic says which tables are complete; an agent uploads only those that are not.
package symbols
