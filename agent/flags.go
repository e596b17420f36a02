// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"tcpledger/agent/batch"
	"tcpledger/agent/capture"
	"tcpledger/bpf"
	"tcpledger/internal/program"
	"tcpledger/internal/program/kafkaconn"
	"tcpledger/schema"
)

const (
	defaultListen = "127.0.0.1:8322"
	// mostHostID is what a DNS name may have. No decoder reads names without a bound.
	mostHostID = 253
)

// options are the agent's settings.
type options struct {
	http  program.HTTPFlags
	kafka kafkaconn.Flags

	hostID          string
	ringBytes       size
	stateEntries    int
	stackEntries    int
	stacksPerSecond int
	enable          []string
	disable         []string
	budgets         []string
	ignoredDrops    []string
	ownPIDs         []int
	lingeringAfter  time.Duration

	limits       batch.Limits
	batchBytes   size
	queueBytes   size
	symbolsDelay time.Duration

	stdout   bool
	stacks   bool
	duration time.Duration
}

func (o *options) register(flags *pflag.FlagSet) {
	*o = options{ringBytes: 16 << 20, limits: batch.DefaultLimits(), batchBytes: schema.BatchBytes, queueBytes: 64 << 20}
	o.http.Register(flags, defaultListen)
	o.kafka.Register(flags)
	o.registerCapture(flags)

	flags.IntVar(&o.limits.Records, "batch-records", o.limits.Records, "close a batch at so many `records`")
	flags.Var(&o.batchBytes, "batch-bytes", "close a batch at so many bytes")
	flags.DurationVar(&o.limits.Age, "batch-age", o.limits.Age, "close a batch at this age, at most 1s")
	flags.Var(&o.queueBytes, "queue-bytes", "hold so many bytes while Kafka is away; what overflows becomes loss ranges")
	flags.DurationVar(&o.symbolsDelay, "symbols-delay", time.Minute, "wait up to this long before publishing symbol tables, so that a fleet does it once")

	flags.BoolVar(&o.stdout, "stdout", false, "print records for a person instead of sending them to Kafka")
	flags.BoolVar(&o.stacks, "stacks", false, "with --stdout: print the kernel stacks too")
	flags.DurationVar(&o.duration, "duration", 0, "stop after this long; 0 runs until SIGINT or SIGTERM")
}

func (o *options) registerCapture(flags *pflag.FlagSet) {
	flags.StringVar(&o.hostID, "host-id", "", "`name` of this host in every row (default: the hostname)")
	flags.Var(&o.ringBytes, "ring-bytes", "size of the kernel's ring buffer, a power of two")
	flags.IntVar(&o.stateEntries, "state-entries", 1<<20, "`connections` known at a time; about 260 bytes of kernel memory each, taken when used")
	flags.IntVar(&o.stackEntries, "stack-entries", 16384, "distinct kernel `stacks` held in the kernel; about 400 bytes each")
	flags.IntVar(&o.stacksPerSecond, "stacks-per-second", 1000, "kernel `stacks` taken a second and CPU; -1 for no limit")
	flags.StringSliceVar(&o.enable, "enable", nil, "capture this `kind` of record too; repeatable; kinds: "+kindNames())
	flags.StringSliceVar(&o.disable, "disable", nil, "do not capture this `kind` of record; repeatable")
	flags.StringSliceVar(&o.budgets, "budget", nil, "at most this many records of a kind a second and CPU, `KIND=N`, 0 for no limit; repeatable")
	flags.StringSliceVar(&o.ignoredDrops, "drop-reasons-ignored", capture.DefaultIgnoredDrops(),
		"drop `reasons` that are no loss, by the kernel's names (NO_SOCKET joins the default where the kernel reports the reset instead)")
	flags.DurationVar(&o.lingeringAfter, "lingering-after", time.Minute, "tell of a socket that stays this long in a state past ESTABLISHED; 0 never does")
	flags.IntSliceVar(&o.ownPIDs, "own-pid", nil, "leave out and count the connections of this `process` too, as the agent's own; repeatable")
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

// check completes the options and refuses what cannot work; the error names the flag.
func (o *options) check() error {
	if o.hostID == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("hostname: %w; give --host-id", err)
		}
		o.hostID = name
	}
	if o.stdout && o.http.Listen == defaultListen {
		o.http.Listen = "" // beside the agent of this host, whose port that is
	}
	o.limits.Bytes = int(min(int64(o.batchBytes), math.MaxInt32))
	if err := o.limits.Check(); err != nil {
		return program.UsageError(err)
	}
	switch {
	case len(o.hostID) > mostHostID || !utf8.ValidString(o.hostID):
		return program.UsageError(fmt.Errorf("--host-id: at most %d bytes of UTF-8", mostHostID))
	case o.queueBytes < 1<<20:
		return program.UsageError(fmt.Errorf("--queue-bytes %s: at least 1MiB", &o.queueBytes))
	case o.ringBytes > 1<<30 || o.ringBytes < 4096 || o.ringBytes&(o.ringBytes-1) != 0:
		return program.UsageError(fmt.Errorf("--ring-bytes %s: a power of two from 4KiB to 1GiB", &o.ringBytes))
	case o.stateEntries < 1 || o.stackEntries < 1:
		return program.UsageError(fmt.Errorf("--state-entries %d, --stack-entries %d: at least 1", o.stateEntries, o.stackEntries))
	case o.symbolsDelay < 0 || o.duration < 0:
		return program.UsageError(fmt.Errorf("--symbols-delay %s, --duration %s: not below 0s", o.symbolsDelay, o.duration))
	case o.lingeringAfter != 0 && o.lingeringAfter < time.Second:
		return program.UsageError(fmt.Errorf("--lingering-after %s: at least 1s, or 0 for never", o.lingeringAfter))
	case o.stacks && !o.stdout:
		return program.UsageError(fmt.Errorf("--stacks goes with --stdout"))
	}
	return nil
}

// capture gives what the kernel side needs; its error is one of the flags.
func (o *options) capture() (capture.Config, error) {
	config := capture.Config{RingBytes: int(o.ringBytes), StateEntries: o.stateEntries, StackEntries: o.stackEntries,
		StacksPerSecond: o.stacksPerSecond, IgnoreDropReasons: o.ignoredDrops, OwnPIDs: append([]int{os.Getpid()}, o.ownPIDs...)}
	if o.stacksPerSecond == 0 {
		return config, program.UsageError(fmt.Errorf("--stacks-per-second 0: at least 1, or -1 for no limit"))
	}
	if slices.Equal(o.ignoredDrops, capture.DefaultIgnoredDrops()) {
		config.IgnoreDropReasons = nil // the default depends on the kernel too
	}
	var err error
	if config.Kinds, err = o.kinds(); err != nil {
		return config, program.UsageError(err)
	}
	if o.lingeringAfter == 0 {
		config.Kinds[bpf.KindLingering] = false
	}
	if config.Budgets, err = o.budget(); err != nil {
		return config, program.UsageError(err)
	}
	return config, nil
}

// lingering is how long a socket may linger; 0 where nobody asks.
func (o *options) lingering(config capture.Config) time.Duration {
	if !config.Kinds[bpf.KindLingering] {
		return 0
	}
	return o.lingeringAfter
}

func (o *options) kinds() (map[bpf.Kind]bool, error) {
	kinds := map[bpf.Kind]bool{}
	for _, k := range schema.CaptureKinds() {
		kinds[bpf.Kind(k)] = k.OnByDefault()
	}
	for flag, names := range map[string][]string{"enable": o.enable, "disable": o.disable} {
		for _, name := range names {
			k, err := schema.ParseCaptureKind(name)
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", flag, err)
			}
			if flag == "disable" && slices.Contains(o.enable, name) {
				return nil, fmt.Errorf("--enable %s and --disable %s contradict each other", name, name)
			}
			kinds[bpf.Kind(k)] = flag == "enable"
		}
	}
	return kinds, nil
}

func (o *options) budget() (map[bpf.Kind]int, error) {
	budgets := map[bpf.Kind]int{}
	for _, text := range o.budgets {
		name, number, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--budget %s: KIND=N expected", text)
		}
		k, err := schema.ParseCaptureKind(name)
		if err != nil {
			return nil, fmt.Errorf("--budget: %w", err)
		}
		if k == schema.KindLingering {
			return nil, fmt.Errorf("--budget %s: it comes once a stay, and has no budget", text)
		}
		n, err := strconv.Atoi(strings.TrimSuffix(number, "/s"))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("--budget %s: a number of records a second expected", text)
		}
		budgets[bpf.Kind(k)] = n
	}
	return budgets, nil
}
