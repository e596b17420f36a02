// SPDX-License-Identifier: Apache-2.0

// Package kafka runs the one-node Kafka of `tcpledger up` and of the quick tests: franz-go's in-process broker on disk, in a
// child process of its own.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"tcpledger/internal/devstack/dirlock"
)

const (
	// lockWait is how long a broker that was killed may take to leave its directory.
	lockWait = 10 * time.Second
	// retentionEvery is how often what is over a topic's bytes is deleted. The broker's own timer does not start again
	// after a restart.
	retentionEvery = time.Minute
	// offsetsMinutes keeps a group's offsets for ten years: a stack that was off for a month goes on where it was.
	offsetsMinutes = "5256000"
)

// Broker is the broker in this process.
type Broker struct {
	cluster *kfake.Cluster
	lock    *dirlock.Lock
	ended   chan struct{}
	retains sync.WaitGroup
}

// Open starts the broker on 127.0.0.1:port with everything in dir. An acknowledged message and a committed offset are on the
// disk. Warnings of the broker go to log.
func Open(dir string, port int, log io.Writer) (*Broker, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	lock, err := dirlock.Acquire(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil { // of a version that left it open to others
		return nil, errors.Join(err, lock.Release())
	}
	cluster, err := kfake.NewCluster(
		kfake.Ports(port),
		kfake.ClusterID("tcpledger"),
		kfake.DataDir(filepath.Join(dir, "broker")),
		kfake.SyncWrites(),
		kfake.BrokerConfigs(map[string]string{
			"offsets.retention.minutes":  offsetsMinutes,
			"default.replication.factor": "1",
			"log.retention.ms":           "-1",
			"log.retention.bytes":        strconv.Itoa(maxPartitionBytes),
			"log.segment.bytes":          strconv.Itoa(segmentBytes),
		}),
		kfake.WithLogger(kfake.BasicLogger(log, kfake.LogLevelWarn)),
	)
	if err != nil {
		_ = lock.Release() // the broker's error is the one to tell
		return nil, fmt.Errorf("starting the embedded Kafka: %w", err)
	}
	b := &Broker{cluster: cluster, lock: lock, ended: make(chan struct{})}
	b.keepRules()
	b.retains.Go(b.retain)
	return b, nil
}

// Addr is "127.0.0.1:port".
func (b *Broker) Addr() string { return b.cluster.ListenAddrs()[0] }

// Close ends the broker and gives the directory up.
func (b *Broker) Close() error {
	close(b.ended)
	b.retains.Wait()
	b.cluster.Close()
	return b.lock.Release()
}

func (b *Broker) retain() {
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for {
		b.cluster.ApplyRetention()
		select {
		case <-b.ended:
			return
		case <-tick.C:
		}
	}
}
