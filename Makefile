# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GOBUILD := CGO_ENABLED=0 go build -trimpath -ldflags "-X tcpledger/internal/program.Version=$(VERSION)"
LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Test programs at a time: each may hold an engine or a broker, and two cores must cope.
TEST_PARALLEL ?= 2
TEST_ARGS ?=
FUZZTIME ?= 30s
BENCH ?= .
ROWS ?= 100000000
ARGS ?=
SEED ?= $(shell echo $$RANDOM)
STEPS ?= 100
RATE ?= 2000
EVERY ?= 1
PRESSURE ?= 120
BACKLOG ?= 20000

# Where a test skips for want of a real part or of privileges, make test fails instead.
REQUIRE := TCPLEDGER_REQUIRE_REAL=1
ifeq ($(shell id -u),0)
REQUIRE += TCPLEDGER_REQUIRE_PRIVILEGED=1 TCPLEDGER_REQUIRE_BPF=1
endif
GOTEST := go test -count=1 -timeout 30m -p $(TEST_PARALLEL) $(TEST_ARGS)

.PHONY: help
help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what make up needs (as root on Debian and Ubuntu), or name it
	@deploy/setup.sh up

.PHONY: setup-test
setup-test: ## Install what make test needs, or name it
	@deploy/setup.sh test

.PHONY: build
build: ## Build the three programs into bin/
	@deploy/setup.sh up
	@mkdir -p bin
	@$(GOBUILD) -o bin/tcpledger-agent ./agent
	@$(GOBUILD) -o bin/tcpledger-ingester ./ingester
	@$(GOBUILD) -o bin/tcpledger ./cmd/tcpledger

.PHONY: up
up: build ## Run the whole of it on this machine until Ctrl-C; flags in ARGS='…'
	@exec bin/tcpledger up $(ARGS)

.PHONY: test
test: setup-test ## Run every test, on real parts
	go vet ./...
	go -C test/otel build ./...
	$(REQUIRE) $(GOTEST) ./...

.PHONY: test-kernels
test-kernels: ## Run the endings on other kernels and the unit under systemd, in emulation, and write docs/kernels.md
	@deploy/setup.sh kernels
	TCPLEDGER_TEST_KERNELS=all $(REQUIRE) go test -count=1 -timeout 90m -v -run '^Test(Kernels|TheUnitUnderSystemd)$$' ./test/kernels

.PHONY: test-busy
test-busy: ## Run the tests of real endings beside foreign load on every core
	TCPLEDGER_TEST_QUICK=1 TCPLEDGER_TEST_FOREIGN_LOAD=$$(nproc) go test -count=1 -timeout 60m -p 1 -v ./test/suite ./test/e2e

.PHONY: quick
quick: ## Run the tests without Apache Kafka, skipping what this machine cannot do
	TCPLEDGER_TEST_QUICK=1 $(GOTEST) -short $$(go list ./... | grep -v '^tcpledger/test/apachekafka$$')

.PHONY: lint
lint: ## Lint, the architecture included
	go run $(LINT) run --allow-parallel-runners

.PHONY: generate
generate: ## Rebuild what is generated: the vocabulary's constants, the kernel side's object, pages
	go generate ./...

.PHONY: generate-check
generate-check: generate ## Fail if a tracked file is not what its source gives
	git diff --exit-code --stat -- bpf schema docs

.PHONY: fuzz
fuzz: ## Fuzz every decoder for FUZZTIME each
	@grep -rlE --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(grep -oE '^func Fuzz[A-Za-z0-9_]*' "$$file" | cut -c6-); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")"; \
		done; \
	done

.PHONY: chaos-input
chaos-input: ## Throw bad messages at a running ingester for a minute (make test does for seconds)
	$(REQUIRE) TCPLEDGER_TEST_CHAOS_SECONDS=60 go test -count=1 -v -timeout 10m -run '^(TestChaosInput|TestPoisonOnTheBuildsTopicIsPassed)$$' ./ingester ./agent/symbols

.PHONY: chaos
chaos: setup-test ## Do STEPS bad things to a whole tcpledger, in the order of SEED, and ask the audit
	$(REQUIRE) TCPLEDGER_TEST_CHAOS_SEED=$(SEED) TCPLEDGER_TEST_CHAOS_STEPS=$(STEPS) TCPLEDGER_TEST_CHAOS_RATE=$(RATE) go test -count=1 -v -timeout 12h -run '^TestChaos$$' ./test/chaos

.PHONY: chaos-kills
chaos-kills: setup-test ## Kill ingester and ClickHouse at every EVERYth call of a flush, until a flush survives
	$(REQUIRE) TCPLEDGER_TEST_CHAOS_EVERY=$(EVERY) go test -count=1 -v -timeout 12h -run '^TestKilledAtEveryCall$$' ./test/chaos

.PHONY: bench
bench: ## Run the benchmarks that match BENCH
	go test -run '^$$' -bench '$(BENCH)' -benchmem -p 1 ./...

.PHONY: bench-months
bench-months: ## Measure questions on a day of ROWS connections (PART percent of it, 100 by default) and a year of rollups, kept in DIR if it is set
	TCPLEDGER_BENCH_ROWS=$(ROWS) TCPLEDGER_BENCH_PART=$(PART) TCPLEDGER_BENCH_DIR=$(DIR) go test -v -run '^$$' -bench '$(BENCH)' -benchtime 10x -timeout 6h ./test/rollups

.PHONY: bench-pressure
bench-pressure: setup-test ## Freeze and kill parts for PRESSURE seconds each at full speed, send BACKLOG messages of 10,000 hosts: memory, disk, latency
	$(REQUIRE) TCPLEDGER_TEST_PRESSURE_SECONDS=$(PRESSURE) TCPLEDGER_TEST_PRESSURE_BACKLOG=$(BACKLOG) go test -count=1 -v -timeout 2h ./test/pressure

.PHONY: clean
clean: ## Remove what build made
	rm -rf bin
