// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"tcpledger/bpf"
)

// listSize is the memory of one sample, as the iterator writes it.
const listSize = int(unsafe.Sizeof(bpf.ListenerSample{}))

// openLister makes the iterators over listeners and handshakes, which stay until closeLister. Without them listeners are not counted.
func (c *Capture) openLister() (err error) {
	if c.lister, err = c.openIterator(lister, "listener_counts"); err != nil {
		return err
	}
	c.sweeper, err = c.openIterator(sweeper, "handshakes")
	return err
}

// openIterator attaches an iterator to a map; nil if its program is not loaded.
func (c *Capture) openIterator(h hook, over string) (*link.Iter, error) {
	program, loaded := c.collection.Programs[h.program]
	if !loaded {
		return nil, nil
	}
	iterator, err := link.AttachIter(link.IterOptions{Program: program, Map: c.collection.Maps[over]})
	if err != nil {
		return nil, fmt.Errorf("attach the iterator over %s: %w", over, err)
	}
	return iterator, nil
}

func (c *Capture) closeLister() error {
	var errs []error
	for _, iterator := range []*link.Iter{c.lister, c.sweeper} {
		if iterator != nil {
			errs = append(errs, iterator.Close())
		}
	}
	c.lister, c.sweeper = nil, nil
	return errors.Join(errs...)
}

// SweepHandshakes looks which half-open handshakes are gone. Each counts for its listener once two sweeps missed it.
func (c *Capture) SweepHandshakes() error {
	if c.sweeper == nil {
		return nil
	}
	_, err := run(c.sweeper)
	return err
}

// run gives what one run of an iterator writes.
func run(iterator *link.Iter) ([]byte, error) {
	file, err := iterator.Open()
	if err != nil {
		return nil, fmt.Errorf("open an iterator: %w", err)
	}
	text, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("run an iterator: %w", err)
	}
	return text, nil
}

// Listeners adds to samples what each listener has counted until now. One that closed since the last call comes a last time, with
// Closed set. A kernel without the iterator has none.
func (c *Capture) Listeners(samples []bpf.ListenerSample) ([]bpf.ListenerSample, error) {
	if c.lister == nil {
		return samples, nil
	}
	if err := c.SweepHandshakes(); err != nil {
		return samples, err
	}
	text, err := run(c.lister)
	if err != nil {
		return samples, err
	}
	for ; len(text) >= listSize; text = text[listSize:] {
		var sample bpf.ListenerSample
		copy(unsafe.Slice((*byte)(unsafe.Pointer(&sample)), listSize), text)
		samples = append(samples, sample)
		if sample.Listening.Closed != 0 {
			if err := c.collection.Maps["listener_counts"].Delete(sample.Key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
				return samples, fmt.Errorf("forget a closed listener: %w", err)
			}
		}
	}
	return samples, nil
}
