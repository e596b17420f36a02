// SPDX-License-Identifier: Apache-2.0

// Package credentials is what a program shows to Kafka and ClickHouse, and how it checks who they are: certificates and
// passwords. Files are read again for every connection, so that a rotation needs no restart; a file that is missing or half
// written at that moment fails that connection only.
package credentials
