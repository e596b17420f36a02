-- The tables of lines as versions of the Collector's ClickHouse exporter lay them out, without codecs and indexes.
CREATE TABLE {now}.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, TraceFlags UInt8, SeverityText LowCardinality(String),
	SeverityNumber UInt8, ServiceName LowCardinality(String), Body String, ResourceSchemaUrl LowCardinality(String),
	ResourceAttributes Map(LowCardinality(String), String), ScopeName String, ScopeAttributes Map(LowCardinality(String), String),
	LogAttributes Map(LowCardinality(String), String), EventName String)
ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp);

CREATE TABLE {now}.otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, TraceState String,
	SpanName LowCardinality(String), SpanKind LowCardinality(String), ServiceName LowCardinality(String),
	ResourceAttributes Map(LowCardinality(String), String), ScopeName String, SpanAttributes Map(LowCardinality(String), String), Duration UInt64,
	StatusCode LowCardinality(String), StatusMessage String)
ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp));

CREATE TABLE {old}.otel_logs (Timestamp DateTime64(9), TimestampTime DateTime DEFAULT toDateTime(Timestamp), TraceId String, SpanId String,
	TraceFlags UInt8, SeverityText LowCardinality(String), SeverityNumber UInt8, ServiceName LowCardinality(String), Body String,
	ResourceAttributes Map(LowCardinality(String), String), LogAttributes Map(LowCardinality(String), String))
ENGINE = MergeTree PARTITION BY toDate(TimestampTime) PRIMARY KEY (ServiceName, TimestampTime) ORDER BY (ServiceName, TimestampTime, Timestamp);

CREATE TABLE {json}.otel_logs (Timestamp DateTime64(9), TraceId String, SpanId String, SeverityText LowCardinality(String), SeverityNumber UInt8,
	ServiceName LowCardinality(String), Body String, ResourceAttributes JSON, ResourceAttributesKeys Array(LowCardinality(String)),
	LogAttributes JSON, LogAttributesKeys Array(LowCardinality(String)))
ENGINE = MergeTree PARTITION BY toDate(Timestamp) ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp);
