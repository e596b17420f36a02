// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxPartitionBytes bounds a partition on disk, and in memory while the broker reads it after a kill.
	maxPartitionBytes = 256 << 20
	// segmentBytes is the unit that retention deletes.
	segmentBytes = 16 << 20
)

// keepRules holds every topic to what this broker can do without loss, whatever a client asks for:
//
//   - It never compacts: its compaction deletes before it rewrites.
//   - It never deletes by age: a partition that is emptied that way forgets its next offset over a kill, and a consumer
//     group would then skip what comes. A bound in bytes always leaves the latest messages.
func (b *Broker) keepRules() {
	b.cluster.ControlKey(int16(kmsg.CreateTopics), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if create, ok := request.(*kmsg.CreateTopicsRequest); ok {
			for i := range create.Topics {
				ruleCreate(&create.Topics[i])
			}
		}
		return nil, nil, false
	})
	b.cluster.ControlKey(int16(kmsg.AlterConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if alter, ok := request.(*kmsg.AlterConfigsRequest); ok {
			for i := range alter.Resources {
				ruleAlter(&alter.Resources[i])
			}
		}
		return nil, nil, false
	})
	b.cluster.ControlKey(int16(kmsg.IncrementalAlterConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if alter, ok := request.(*kmsg.IncrementalAlterConfigsRequest); ok {
			for i := range alter.Resources {
				ruleIncrement(&alter.Resources[i])
			}
		}
		return nil, nil, false
	})
}

// allowed returns the configurations that a topic gets when it asks for these.
func allowed(asked map[string]*string) map[string]string {
	out := map[string]string{
		"cleanup.policy":  "delete",
		"retention.ms":    "-1",
		"retention.bytes": strconv.Itoa(maxPartitionBytes),
		"segment.bytes":   strconv.Itoa(segmentBytes),
	}
	for name, value := range asked {
		_, ruled := out[name]
		if !ruled && value != nil && !strings.Contains(name, "compaction") && !strings.Contains(name, "cleanable") {
			out[name] = *value
		}
	}
	if value := asked["retention.bytes"]; value != nil {
		// Less than a segment would be able to empty a partition.
		if bytes, err := strconv.Atoi(*value); err == nil && bytes >= segmentBytes && bytes < maxPartitionBytes {
			out["retention.bytes"] = *value
		}
	}
	return out
}

func ruleCreate(topic *kmsg.CreateTopicsRequestTopic) {
	asked := make(map[string]*string)
	for _, config := range topic.Configs {
		asked[config.Name] = config.Value
	}
	topic.Configs = nil
	given := allowed(asked)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr(given[name])
		topic.Configs = append(topic.Configs, config)
	}
}

func ruleAlter(resource *kmsg.AlterConfigsRequestResource) {
	if resource.ResourceType != kmsg.ConfigResourceTypeTopic {
		return
	}
	asked := make(map[string]*string)
	for _, config := range resource.Configs {
		asked[config.Name] = config.Value
	}
	resource.Configs = nil
	given := allowed(asked)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		config := kmsg.NewAlterConfigsRequestResourceConfig()
		config.Name, config.Value = name, kmsg.StringPtr(given[name])
		resource.Configs = append(resource.Configs, config)
	}
}

// ruleIncrement touches only what the rules are about: an increment leaves the rest as it is.
func ruleIncrement(resource *kmsg.IncrementalAlterConfigsRequestResource) {
	if resource.ResourceType != kmsg.ConfigResourceTypeTopic {
		return
	}
	for i := range resource.Configs {
		config := &resource.Configs[i]
		ruled := allowed(map[string]*string{config.Name: config.Value})
		switch config.Name {
		case "cleanup.policy", "retention.ms", "retention.bytes", "segment.bytes":
			config.Op, config.Value = kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(ruled[config.Name])
		}
	}
}
