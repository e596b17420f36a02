// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"tcpledger/agent/batch"
	"tcpledger/agent/capture"
	"tcpledger/agent/owner"
	"tcpledger/agent/pipeline"
	"tcpledger/agent/publish"
	"tcpledger/agent/spool"
	"tcpledger/agent/symbols"
	"tcpledger/bpf"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/internal/text"
	"tcpledger/schema"
)

const (
	defaultListen = "127.0.0.1:8322"
	// maxHostID is the longest DNS name. No decoder reads names without a bound.
	maxHostID = 253
)

// options are the agent's settings. Each part has the defaults and the bounds of its own; the flags bind into them.
type options struct {
	http    program.HTTPFlags
	kafka   kafkaconn.Flags
	capture capture.Config
	limits  pipeline.Limits
	batch   batch.Limits
	queue   publish.Limits
	spool   spool.Limits
	symbols symbols.Limits

	hostID  string
	nat     bool
	enable  []string
	disable []string
	budgets []string

	pins    string
	journal string
	podLogs string

	stdout   bool
	stacks   bool
	zone     text.Zone
	duration time.Duration
}

func (o *options) register(flags *pflag.FlagSet) {
	*o = options{capture: capture.DefaultConfig(), limits: pipeline.DefaultLimits(), batch: batch.DefaultLimits(),
		queue: publish.DefaultLimits(), spool: spool.DefaultLimits(), symbols: symbols.DefaultLimits()}
	o.http.Register(flags, defaultListen)
	o.kafka.Register(flags)
	o.registerCapture(flags)

	flags.IntVar(&o.batch.Records, "batch-records", o.batch.Records, "close a batch at so many `records`")
	flags.Var(&o.batch.Bytes, "batch-bytes", "close a batch at so many bytes")
	flags.DurationVar(&o.batch.Age, "batch-age", o.batch.Age, "close a batch at this age")
	flags.Var(&o.queue.QueueBytes, "queue-bytes", "hold so many bytes in memory; beyond half of them the oldest go to the spool, without one what overflows becomes loss ranges")
	flags.StringVar(&o.spool.Dir, "spool", "", "`folder` for what Kafka does not take; "+noSpool+" for memory only (default: spool in systemd's $STATE_DIRECTORY, else "+noSpool+")")
	flags.Var(&o.spool.Bytes, "spool-bytes", "hold so many bytes on disk while Kafka is away; beyond that the oldest become loss ranges")
	flags.StringVar(&o.pins, "pins", capture.DefaultPins, "`folder` in a bpffs; if it exists, the hooks outlive the agent and the next run goes on with the session; "+noPins+" for never")
	flags.StringVar(&o.journal, "journal", "", "`folder` of the file that tells the next run what this one had sent (default: systemd's $STATE_DIRECTORY, else "+defaultJournal+")")
	flags.DurationVar(&o.symbols.Delay, "symbols-delay", o.symbols.Delay, "wait up to this long before publishing symbol tables, so that a fleet does it once")

	for _, bounds := range []map[string]string{capture.Bounds(), pipeline.Bounds(), batch.Bounds(), publish.Bounds(), spool.Bounds(), symbols.Bounds()} {
		program.ShowBounds(flags, bounds)
	}

	flags.BoolVar(&o.stdout, "stdout", false, "print records for a person instead of sending them to Kafka")
	flags.BoolVar(&o.stacks, "stacks", false, "with --stdout: print the kernel stacks too")
	flags.Var(&o.zone, "tz", "with --stdout: `zone` of the times: a name like Europe/Berlin, UTC, or local")
	flags.DurationVar(&o.duration, "duration", 0, "stop after this long; 0 runs until SIGINT or SIGTERM")
}

func (o *options) registerCapture(flags *pflag.FlagSet) {
	c := &o.capture
	flags.StringVar(&o.podLogs, "pod-logs", owner.DefaultPodLogs, "`folder` of kubelet's logs of pods, whose folders' names say what a pod is called; empty for none")
	flags.StringVar(&o.hostID, "host-id", "", "`name` of this host in every row (default: the hostname)")
	flags.Var(&c.RingBytes, "ring-bytes", "size of the kernel's ring buffer")
	flags.IntVar(&c.StateEntries, "state-entries", c.StateEntries, "`connections` known at a time; 272 bytes of kernel memory each, taken when used")
	flags.IntVar(&c.StackEntries, "stack-entries", c.StackEntries, "distinct kernel `stacks` held in the kernel; 456 bytes each")
	flags.IntVar(&c.StacksPerSecond, "stacks-per-second", c.StacksPerSecond, "kernel `stacks` taken a second and CPU; -1 for no limit")
	flags.StringSliceVar(&o.enable, "enable", nil, "capture this `kind` of record too; repeatable; kinds: "+kindNames())
	flags.StringSliceVar(&o.disable, "disable", nil, "do not capture this `kind` of record; repeatable")
	program.Completions(flags, "enable", schema.CaptureKinds())
	program.Completions(flags, "disable", schema.CaptureKinds())
	flags.StringSliceVar(&o.budgets, "budget", nil, "at most this many records of a kind a second and CPU, `KIND=N`, 0 for no limit; repeatable")
	flags.StringSliceVar(&c.IgnoredDrops, "drop-reasons-ignored", c.IgnoredDrops,
		"drop `reasons` that are no loss, by the kernel's names (NO_SOCKET joins the default if the kernel reports the reset instead)")
	flags.DurationVar(&o.limits.LingeringAfter, "lingering-after", o.limits.LingeringAfter, "report a socket that stays this long in a state past ESTABLISHED; 0 never does")
	flags.BoolVar(&o.nat, "nat", false, "ask connection tracking for each connection that ended how the other side sees it (docs/nat.md)")
	flags.IntSliceVar(&c.OwnPIDs, "own-pid", nil, "leave out and count the connections of this `process` too, as the agent's own; repeatable")
}

func kindNames() string {
	var names []string
	for _, k := range schema.CaptureKinds() {
		name := k.String()
		if !k.OnByDefault() {
			name += " (off)"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// check completes the options and refuses impossible ones; the error names the flag. It is called once.
func (o *options) check() error {
	if o.hostID == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("hostname: %w; give --host-id", err)
		}
		o.hostID = name
	}
	if o.stdout && o.http.Listen == defaultListen {
		o.http.Listen = "" // an agent of this host may have that port
	}
	for _, check := range []func() error{o.checkOwn, o.checkTakeover, o.setKinds, o.setBudgets, o.capture.Validate, o.limits.Validate, o.batch.Validate,
		o.queue.Validate, o.spool.Validate, o.symbols.Validate} {
		if err := check(); err != nil {
			return program.UsageError(err)
		}
	}
	if !o.capture.Kinds[bpf.KindLingering] {
		o.limits.LingeringAfter = 0
	}
	o.capture.OwnPIDs = append(o.capture.OwnPIDs, os.Getpid())
	return nil
}

// checkOwn checks the options that no part has.
func (o *options) checkOwn() error {
	switch {
	case len(o.hostID) > maxHostID || !utf8.ValidString(o.hostID):
		return fmt.Errorf("--host-id: at most %d bytes of UTF-8", maxHostID)
	case o.duration < 0:
		return fmt.Errorf("--duration %s: not below 0s", o.duration)
	case o.stacks && !o.stdout:
		return errors.New("--stacks goes with --stdout")
	case o.podLogs != "" && !filepath.IsAbs(o.podLogs):
		return fmt.Errorf("--pod-logs %s: an absolute path expected, or none", o.podLogs)
	}
	return nil
}

// setKinds applies --enable, --disable and --lingering-after 0 to the kinds that are captured.
func (o *options) setKinds() error {
	for flag, names := range map[string][]string{"enable": o.enable, "disable": o.disable} {
		for _, name := range names {
			k, err := schema.ParseCaptureKind(name)
			if err != nil {
				return fmt.Errorf("--%s: %w", flag, err)
			}
			if flag == "disable" && slices.Contains(o.enable, name) {
				return fmt.Errorf("--enable %s and --disable %s contradict each other", name, name)
			}
			o.capture.Kinds[bpf.Kind(k)] = flag == "enable"
		}
	}
	if o.limits.LingeringAfter == 0 {
		o.capture.Kinds[bpf.KindLingering] = false
	}
	return nil
}

// setBudgets applies --budget.
func (o *options) setBudgets() error {
	for _, text := range o.budgets {
		name, number, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("--budget %s: KIND=N expected", text)
		}
		k, err := schema.ParseCaptureKind(name)
		if err != nil {
			return fmt.Errorf("--budget: %w", err)
		}
		if !k.FromKernel() {
			return fmt.Errorf("--budget %s: the agent makes one record a stay, without a budget", text)
		}
		n, err := strconv.Atoi(strings.TrimSuffix(number, "/s"))
		if err != nil || n < 0 {
			return fmt.Errorf("--budget %s: a number of records a second expected", text)
		}
		o.capture.Budgets[bpf.Kind(k)] = n
	}
	return nil
}

// kinds are the names of the kinds that are captured.
func (o *options) kinds() (names []string) {
	for _, k := range schema.CaptureKinds() {
		if o.capture.Kinds[bpf.Kind(k)] {
			names = append(names, k.String())
		}
	}
	return names
}
