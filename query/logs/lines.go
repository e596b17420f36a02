// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"tcpledger/query"
)

// Filter narrows the lines; a zero field narrows nothing.
type Filter struct {
	Service string // ServiceName
	Host    string // host.name
	Trace   string // TraceId, in lower case
	Text    string // stands in the body as whole words, or has the body in it, or is the value of an attribute
	Errors  bool   // only errors
}

// The parameters of every question about lines.
const (
	paramFrom = "{from:DateTime64(6, 'UTC')}"
	paramTo   = "{to:DateTime64(6, 'UTC')}"
)

// maxSpan bounds how long before the window a span may have begun.
const maxSpan = time.Hour

// minBody is how long a body must be that is part of the text.
const minBody = 20

// severity numbers of OpenTelemetry.
const (
	severityInfo  = 9
	severityError = 17
)

// condition is what lines of a table must fulfil.
func (t *table) condition(f Filter) string {
	parts := []string{"Timestamp >= " + paramFrom, "Timestamp < " + paramTo}
	if t.spans {
		end := "Timestamp + toIntervalNanosecond(Duration)"
		parts = []string{fmt.Sprintf("Timestamp >= %s - toIntervalSecond(%d)", paramFrom, int(maxSpan.Seconds())), "Timestamp < " + paramTo,
			end + " >= " + paramFrom, end + " < " + paramTo}
	}
	if t.has("TimestampTime") { // the key of older tables
		parts = append(parts, "TimestampTime >= toDateTime("+paramFrom+") AND TimestampTime <= toDateTime("+paramTo+")")
	}
	if f.Service != "" {
		parts = append(parts, "ServiceName = {service:String}")
	}
	if f.Trace != "" {
		parts = append(parts, "TraceId = {trace:String}")
	}
	if f.Text != "" {
		parts = append(parts, t.text())
	}
	if f.Errors {
		parts = append(parts, t.severity()+" >= "+fmt.Sprint(severityError))
	}
	return strings.Join(parts, "\n            AND ")
}

// attributesOf is the column of the line's own attributes.
func (t *table) attributesOf() string {
	if t.spans {
		return "SpanAttributes"
	}
	return "LogAttributes"
}

// text is the condition that a line has the text.
func (t *table) text() string {
	body := []string{"Body"}
	if t.spans {
		body = []string{"SpanName", "StatusMessage"}
	}
	// A line that is asked about may be more than its body: a viewer writes the time and the level before it.
	either := []string{fmt.Sprintf("(length(%[1]s) >= %[2]d AND position({text:String}, %[1]s) > 0)", body[0], minBody)}
	for _, column := range body {
		either = append(either, "(position("+column+", {text:String}) > 0 AND match("+column+", {words:String}))")
	}
	if attributes := t.attributesOf(); strings.HasPrefix(t.columns[attributes], "JSON") {
		either = append(either, "position(toString("+attributes+"), {text:String}) > 0")
	} else {
		either = append(either, "has(mapValues("+attributes+"), {text:String})")
	}
	return "(" + strings.Join(either, " OR ") + ")"
}

// severity is the number of a line's severity: what the text says if there is no number, an error of a span's status, else 9.
func (t *table) severity() string {
	if t.spans {
		return fmt.Sprintf("if(StatusCode IN ('Error', 'STATUS_CODE_ERROR'), %d, %d)", severityError, severityInfo)
	}
	return fmt.Sprintf("if(SeverityNumber = 0, if(lower(SeverityText) IN ('error', 'err', 'crit', 'critical', 'alert', 'emerg', 'panic', 'fatal'), %d, %d), toInt32(SeverityNumber))",
		severityError, severityInfo)
}

// selected is the lines of one table, with the attributes that are looked for as the map said.
func (t *table) selected(f Filter) string {
	what, at, body := "log", "Timestamp", "Body"
	if t.spans {
		what, at, body = "span", "Timestamp + toIntervalNanosecond(Duration)", "if(StatusMessage = '', toString(SpanName), concat(SpanName, ': ', StatusMessage))"
	}
	return fmt.Sprintf(`SELECT '%s' AS what, toInt64(toUnixTimestamp64Micro(%s)) AS at_us, toString(ServiceName) AS service, toInt32(%s) AS severity,
            toString(%s) AS body, toString(TraceId) AS trace_id, toString(SpanId) AS span_id,
            mapUpdate(%s, %s) AS said
        FROM %s
        WHERE %s`, what, at, t.severity(), body, t.attributes("ResourceAttributes"), t.attributes(t.attributesOf()), t.name, t.condition(f))
}

// linesSQL is all lines of the window with their facts. named are the connections that a line speaks of: its own, then a proxy's
// upstream ones, each as (relation, seen from the writer, local or client end, peer or server end). The peer's end goes before
// client.address, which may be a client further away that a proxy names.
func (s *Source) linesSQL(f Filter) string {
	var from []string
	for _, t := range []*table{s.logs, s.traces} {
		if t != nil {
			from = append(from, t.selected(f))
		}
	}
	where := ""
	if f.Host != "" {
		where = "\n    WHERE host = {log_host:String}"
	}
	return fmt.Sprintf(`SELECT *, arrayPushFront(arrayMap((u, n) -> (if(n = 1, 'upstream', concat('upstream ', toString(n))), true, upstream_local, u), upstream, arrayEnumerate(upstream)), own) AS named
    FROM
    (
        SELECT *, if(peer.2 != 0 OR local.2 != 0 AND client.2 = 0 OR client.1 = toIPv6('::') AND server = (toIPv6('::'), toUInt16(0)),
            ('own', true, local, peer), ('own', false, client, server)) AS own
        FROM
        (
        SELECT line, what, at_us, service, severity, body, trace_id, span_id, host, pid, container, pod, pod_uid, namespace, upstream,
        %s
        FROM
        (
            WITH %s AS parse
            SELECT cityHash64(what, at_us, service, body, trace_id, span_id, said) AS line,
            what, at_us, service, severity, body, trace_id, span_id,
            %s
            FROM
            (
            %s
            )
        )
        )
    )%s`, wholesSQL(), parse, factsSQL(), strings.Join(from, "\n            UNION ALL\n            "), where)
}

// parameters are those of a question about the lines of a window.
func (f Filter) parameters(w query.Window) map[string]string {
	out := w.Parameters()
	for name, value := range map[string]string{"service": f.Service, "log_host": f.Host, "trace": f.Trace, "text": f.Text} {
		if value != "" {
			out[name] = query.TextParameter(value)
		}
	}
	if f.Text != "" {
		out["words"] = query.TextParameter(`(^|\W)` + regexp.QuoteMeta(f.Text) + `(\W|$)`)
	}
	return out
}
