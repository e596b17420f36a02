// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"tcpledger/internal/devstack/clickhouse/front"
	"tcpledger/internal/devstack/confine"
	"tcpledger/internal/devstack/port"
	"tcpledger/schema"
)

// The engine's memory is a third of the machine's, within these bounds, so that a laptop stays usable.
const (
	minMemory = 1 << 30
	maxMemory = 6 << 30
)

// serverConfig is the engine's configuration file. Names are ClickHouse's.
type serverConfig struct {
	XMLName    xml.Name `xml:"clickhouse"`
	ListenHost string   `xml:"listen_host"`
	Users      string   `xml:"users_config"`
	// ShutdownWait is how many seconds queries and idle connections hold up a clean end.
	ShutdownWait int `xml:"shutdown_wait_unfinished"`
	Logger       struct {
		Log      string `xml:"log"`
		ErrorLog string `xml:"errorlog"`
		Size     string `xml:"size"`
		Count    int    `xml:"count"`
	} `xml:"logger"`
	MaxMemory        int64 `xml:"max_server_memory_usage"`
	MarkCache        int64 `xml:"mark_cache_size"`
	UncompressedSize int64 `xml:"uncompressed_cache_size"`
	Pool             int   `xml:"background_pool_size"`
	SchedulePool     int   `xml:"background_schedule_pool_size"`
	MergeTree        tags  `xml:"merge_tree"`
	// Backups is the folder of BACKUP TO File('NAME').
	Backups string `xml:"backups>allowed_path"`
}

// usersConfig has the one user, default, without a password, from this machine only.
type usersConfig struct {
	XMLName xml.Name `xml:"clickhouse"`
	Profile tags     `xml:"profiles>default"`
	User    struct {
		Password string `xml:"password"`
		IP       string `xml:"networks>ip"`
		Profile  string `xml:"profile"`
		Quota    string `xml:"quota"`
		Access   int    `xml:"access_management"`
	} `xml:"users>default"`
	Quota struct{} `xml:"quotas>default"`
}

// tags are settings written as <name>value</name>.
type tags []tag

type tag struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

func set(name, value string) tag { return tag{XMLName: xml.Name{Local: name}, Value: value} }

// MarshalXML writes the settings inside one element.
func (t tags) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, one := range t {
		if err := e.Encode(one); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// mergeTree: an acknowledged insert is on the disk; the free-entries settings must fit into the small pool.
var mergeTree = tags{
	set("fsync_after_insert", "1"),
	set("fsync_part_directory", "1"),
	set("number_of_free_entries_in_pool_to_lower_max_size_of_merge", "1"),
	set("number_of_free_entries_in_pool_to_execute_mutation", "1"),
	set("number_of_free_entries_in_pool_to_execute_optimize_entire_partition", "1"),
}

// profile makes inserts answer when the rows are stored (async_insert is 1 by default since 26.2), and shows people every
// record once, whatever was inserted twice.
func profile() tags {
	out := tags{set("async_insert", "0")}
	for _, s := range schema.FinalSettings() {
		out = append(out, set(s.Name, strconv.Itoa(s.Value)))
	}
	return out
}

// The engine's files in its folder.
const (
	configFile = "config.xml"
	usersFile  = "users.xml"
	logDir     = "log"
)

// writeConfig writes the engine's configuration into dir, which the engine sees as seen, and gives all of dir to the engine's user
// if it has one. Memory is what the engine may take, 0 for a share of the machine's.
func writeConfig(dir, seen string, uid int, memory int64) error {
	if memory == 0 {
		var err error
		if memory, err = memoryLimit(); err != nil {
			return err
		}
	}
	server := serverConfig{
		ListenHost:   front.EngineHost,
		Users:        filepath.Join(seen, usersFile),
		ShutdownWait: 2,
		MaxMemory:    memory,
		MarkCache:    64 << 20,
		Pool:         2,
		SchedulePool: 4,
		MergeTree:    mergeTree,
		Backups:      filepath.Join(seen, "backups"),
	}
	server.Logger.Log = filepath.Join(seen, logDir, "server.log")
	server.Logger.ErrorLog = filepath.Join(seen, logDir, "error.log")
	server.Logger.Size, server.Logger.Count = "10M", 2

	users := usersConfig{Profile: profile()}
	users.User.IP, users.User.Profile, users.User.Quota, users.User.Access = port.Address, "default", "default", 1

	if err := os.MkdirAll(filepath.Join(dir, logDir), 0o700); err != nil {
		return err
	}
	if err := errors.Join(writeXML(filepath.Join(dir, configFile), server), writeXML(filepath.Join(dir, usersFile), users)); err != nil {
		return err
	}
	if uid == 0 {
		return os.Chmod(dir, 0o700)
	}
	for _, written := range []string{configFile, usersFile, logDir} {
		if err := os.Lchown(filepath.Join(dir, written), uid, uid); err != nil {
			return err
		}
	}
	return confine.Give(dir, uid)
}

func writeXML(path string, value any) error {
	text, err := xml.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

func memoryLimit() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("reading this machine's memory: %w", err)
	}
	third := int64(info.Totalram) * int64(info.Unit) / 3
	return min(max(third, minMemory), maxMemory), nil
}
