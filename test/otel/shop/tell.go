// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	logs "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	spans "go.opentelemetry.io/otel/sdk/trace"
)

// tell makes the logger and the tracer, which send to the collector. What it returns sends the rest and ends them.
func (s *shop) tell(ctx context.Context, collector string) (end func(context.Context) error, err error) {
	place := attribute.Int("process.pid", os.Getpid())
	if s.container != "" {
		place = attribute.String("container.id", s.container)
	}
	from := resource.NewSchemaless(attribute.String("service.name", s.name), attribute.String("host.name", s.host), place)
	lines, err := otlploghttp.New(ctx, otlploghttp.WithEndpoint(collector), otlploghttp.WithInsecure())
	if err != nil {
		return nil, err
	}
	logger := logs.NewLoggerProvider(logs.WithProcessor(logs.NewBatchProcessor(lines)), logs.WithResource(from))
	traces, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(collector), otlptracehttp.WithInsecure())
	if err != nil {
		return nil, err
	}
	tracer := spans.NewTracerProvider(spans.WithBatcher(traces), spans.WithResource(from))
	s.logger, s.tracer = logger.Logger("shop"), tracer.Tracer("shop")
	return func(ctx context.Context) error { return errors.Join(logger.Shutdown(ctx), tracer.Shutdown(ctx)) }, nil
}
