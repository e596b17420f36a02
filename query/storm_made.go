// SPDX-License-Identifier: Apache-2.0

package query

import (
	"slices"

	"tcpledger/schema"
)

// stormColumns are the columns of connections that a factor can be looked for by.
var stormColumns = map[string]string{"port": "toString(service_port)", "owner": "owner_comm", "host": "host",
	"service": "multiIf(service != '', toString(service), k8s_pod != '', concat(k8s_namespace, '/', k8s_pod), toString(container_id))"}

// Made is what the rows of connections in the storm's time meet that it is made of: the cause that departed most, and the first factor
// that explains most of it. The condition begins with AND, if there is any; parameters are its values.
func (s *Storm) Made() (condition string, parameters map[string]string) {
	parameters = map[string]string{}
	if causes := s.causes(); causes != "" {
		condition = " AND cause IN " + causes
	}
	for _, f := range s.Factors {
		if column := stormColumns[f.Dimension]; column != "" && f.Explains >= mostly {
			parameters["storm_factor"] = textParameter(f.Value)
			return condition + " AND " + column + " = {storm_factor:String}", parameters
		}
	}
	return condition, parameters
}

// causes are those that departed most, as a list in SQL; none if only events, early or late closes or all endings did.
func (s *Storm) causes() string {
	for _, d := range s.Departed {
		if d.What == "failed_connects" {
			return schema.FailedConnects
		}
		if slices.Contains(schema.Causes(), schema.Cause(d.What)) {
			return "(" + schema.Quote(d.What) + ")"
		}
	}
	return ""
}
