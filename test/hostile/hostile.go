// SPDX-License-Identifier: Apache-2.0

// Package hostile has names that processes, hosts and logs may choose to make a reader's program do something.
package hostile

// Owned is what the page of a browser is called if it ran a script of a name.
const Owned = "owned"

const script = "document.title='" + Owned + "'"

// Names lists the names: for terminals, for Markdown, for HTML, for SVG, for SQL.
func Names() []string {
	return []string{
		"\x1b[2J\x1b]0;" + Owned + "\x07",
		"\x9b31m\r\n\tx",
		"\u202egpj.exe\u2066\u200b",
		"a|b|c\n# heading\n- item",
		"`code` *bold* _it_ ~~gone~~",
		"[click](javascript:" + script + ") ![x](http://evil.example/x.png)",
		"<https://evil.example> https://evil.example/ www.evil.example me@evil.example",
		"```\n<script>" + script + "</script>\n```",
		"<script>" + script + "</script>",
		"<img src=x onerror=\"" + script + "\">",
		"</title></svg></style></pre></table><svg onload=\"" + script + "\">",
		"\"><body onpageshow=\"" + script + "\"><a href=\"javascript:" + script + "\">",
		"{{.}} ${x} %s %n",
		"'; DROP TABLE connections; --",
		"\\\\' || '1",
		"]]><![CDATA[<script>" + script + "</script>",
	}
}
