// SPDX-License-Identifier: Apache-2.0

// Package window has the flags of every command that is about a time: --from, --to and --tz.
package window

import (
	"errors"
	"time"

	"github.com/spf13/pflag"

	"tcpledger/internal/text"
	"tcpledger/query"
)

// Help says in a command's description how times are written.
const Help = `Times are RFC 3339, "2026-11-23 14:02", 14:02 (today), -10m, -1d (24 hours) or now. Without a zone (Z, +01:00, UTC) a time is in
--tz, in which times are shown, too.`

// Flags are the window that a command is about. The zero value is the last 15 minutes.
type Flags struct {
	From, To string
	zone     text.Zone
}

// Register declares the flags. Their values are read after the command line.
func (f *Flags) Register(flags *pflag.FlagSet) {
	flags.StringVar(&f.From, "from", "", "first `time` of the window (default 15 minutes before --to)")
	flags.StringVar(&f.To, "to", "", "`time` before which the window ends (default now)")
	Zone(flags, &f.zone)
}

// Zone declares --tz alone.
func Zone(flags *pflag.FlagSet, zone *text.Zone) {
	flags.Var(zone, "tz", "`zone` of the times typed and shown: a name like Europe/Berlin, UTC, or local")
	flags.Lookup("tz").DefValue = zone.String()
}

// Location is the zone of the times that the command shows.
func (f *Flags) Location() *time.Location { return f.zone.Location() }

// Window reads the window. Its error names the flag.
func (f *Flags) Window(now time.Time) (query.Window, error) {
	w, err := query.ParseWindow(f.From, f.To, now.In(f.Location()))
	if err != nil {
		return w, errors.New("--" + err.Error())
	}
	return w, nil
}
