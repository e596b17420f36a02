// SPDX-License-Identifier: Apache-2.0

package up

import (
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"
)

// maxLogMB bounds a service's log file in MiB; the file before is kept too.
const maxLogMB = 8

func (r *run) logDir() string { return filepath.Join(r.o.Data, "log") }

// openLogs prepares the log file of each service that is a process. The files are for the owner of the data alone.
func (r *run) openLogs() error {
	if err := os.MkdirAll(r.logDir(), 0o700); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	if err := os.Chmod(r.logDir(), 0o700); err != nil { // of a version that left it open to others
		return fmt.Errorf("logs: %w", err)
	}
	for _, name := range []string{"kafka", "clickhouse", "ingester", "agent"} {
		r.logs[name] = &lumberjack.Logger{Filename: filepath.Join(r.logDir(), name+".log"), MaxSize: maxLogMB, MaxBackups: 1}
	}
	return nil
}

func (r *run) closeLogs() {
	for _, log := range r.logs {
		_ = log.Close() // everything that wrote to it has ended
	}
}
