//go:build deps

package deps

import (
	_ "github.com/ClickHouse/ch-go"
	_ "github.com/ClickHouse/clickhouse-go/v2"
	_ "github.com/cenkalti/backoff/v5"
	_ "github.com/cilium/ebpf"
	_ "github.com/cilium/ebpf/cmd/bpf2go"
	_ "github.com/compose-spec/compose-go/v2/loader"
	_ "github.com/ebitengine/purego"
	_ "github.com/hashicorp/golang-lru/v2"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/common/expfmt"
	_ "github.com/segmentio/kafka-go"
	_ "github.com/spf13/cobra"
	_ "github.com/stretchr/testify/require"
	_ "github.com/twmb/franz-go/pkg/kfake"
	_ "github.com/twmb/franz-go/pkg/kmsg"
	_ "github.com/vishvananda/netlink"
	_ "github.com/vishvananda/netns"
	_ "github.com/vmihailenco/msgpack/v5"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
	_ "go.yaml.in/yaml/v3"
	_ "github.com/google/uuid"
	_ "github.com/cespare/xxhash/v2"
	_ "github.com/mattn/go-isatty"
	_ "github.com/fatih/color"
	_ "kernel.org/pub/linux/libs/security/libcap/cap"
)
