// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
	"time"
)

// Zone is a flag's time zone. The zero value is UTC; a *Zone is a pflag.Value.
type Zone struct{ location *time.Location }

// Location is the zone for package time.
func (z *Zone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// String is the zone's name as Set reads it.
func (z *Zone) String() string { return strings.Replace(z.Location().String(), "Local", "local", 1) }

// Set takes a name of the tz database, "UTC", or "local" for the machine's zone.
func (z *Zone) Set(name string) error {
	if strings.EqualFold(name, "local") {
		z.location = time.Local
		return nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return fmt.Errorf("%q is no time zone: want UTC, local or a name like Europe/Berlin", name)
	}
	z.location = location
	return nil
}

// Type is "string": for the configuration a zone is one.
func (z *Zone) Type() string { return "string" }
