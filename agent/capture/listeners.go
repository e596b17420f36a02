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

// openLister makes the iterator over the listeners, which stays until Close. Without it listeners are not counted.
func (c *Capture) openLister() error {
	program, loaded := c.collection.Programs[lister.program]
	if !loaded {
		return nil
	}
	iterator, err := link.AttachIter(link.IterOptions{Program: program, Map: c.collection.Maps["listener_counts"]})
	if err != nil {
		return fmt.Errorf("attach the iterator over listeners: %w", err)
	}
	c.lister = iterator
	return nil
}

// Listeners adds to samples what each listener has counted until now. One that closed since the last call comes a last time, with
// Closed set. A kernel without the iterator has none.
func (c *Capture) Listeners(samples []bpf.ListenerSample) ([]bpf.ListenerSample, error) {
	if c.lister == nil {
		return samples, nil
	}
	file, err := c.lister.Open()
	if err != nil {
		return samples, fmt.Errorf("open the iterator over listeners: %w", err)
	}
	text, err := io.ReadAll(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return samples, fmt.Errorf("read the listeners: %w", err)
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
