// SPDX-License-Identifier: Apache-2.0

package schema

import "strings"

// Place is a SQL expression for where an owner runs: its pod, else its container, else its service.
const Place = "if(k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), if(container_id != '', container_id, service))"

// bootOfShared is a SQL expression for the boot of a row whose host's name other machines have in the window too, empty of any other row.
const bootOfShared = "if(host IN (SELECT name FROM {db}.shared_names(from = {from:DateTime64(6, 'UTC')}, to = {to:DateTime64(6, 'UTC')}) WHERE shared = 'name' AND at_once > 1), toString(boot_id), '')"

// viewParts are expressions that several views have: {name} in a view's file stands for them.
var viewParts = strings.NewReplacer(
	"{window of closed_at}", windowOf("closed_at"),
	"{window of at}", windowOf("at"),
	"{either end of a connection}", EndOfConnection("toIPv6({ip:String})", "{port:UInt16}"),
	"{either end of an event}", EndOfEvent("toIPv6({ip:String})", "{port:UInt16}"),
	"{place}", Place,
	"{boot}", bootOfShared,
	"{plain remote_ip}", plainIP("remote_ip"),
	"{plain local_ip}", plainIP("local_ip"),
	"{counts of cause}", "sumMap(map(toString(cause), toUInt64(1)))",
	"{function of s}", functionOf("s"),
	"{loopback remote_ip}", Loopback("remote_ip"),
	"{every address bound_ip}", EveryAddress("bound_ip"),
)

// windowOf is the condition that a time is in a view's window: from is in it, to is not.
func windowOf(column string) string {
	return column + " >= {from:DateTime64(6, 'UTC')} AND " + column + " < {to:DateTime64(6, 'UTC')}"
}

// Loopback is the SQL condition that an address of a column never leaves its network namespace.
func Loopback(column string) string {
	return "(startsWith(toString(" + column + "), '::ffff:127.') OR " + column + " = toIPv6('::1'))"
}

// EveryAddress is the SQL condition that a listener's address in a column stands for all of its host's.
func EveryAddress(column string) string {
	return "(" + column + " = toIPv6('::') OR " + column + " = toIPv6('::ffff:0.0.0.0'))"
}

// plainIP writes an address for a person: IPv4 as IPv4.
func plainIP(column string) string {
	return `replaceRegexpOne(toString(` + column + `), '^::ffff:(\\d+\\.)', '\\1')`
}

// functionOf is Function in SQL, but for the tags of BPF programs.
func functionOf(symbol string) string {
	return `replaceRegexpOne(replaceRegexpOne(` + symbol + `, '(.)\\+[^+]*$', '\\1'), '(.)\\.(isra\\.|constprop\\.|part\\.|cold|llvm\\.|lto_priv\\.).*$', '\\1')`
}
