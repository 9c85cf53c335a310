# Plenary. "make" lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO ?= go
# Further flags for the Go tests, as in: make test GOTESTFLAGS='-count=3 -run Vote'
GOTESTFLAGS ?=
# Two test packages at a time: they start servers, and two processors have to do. On two such
# processors all of them take some 25 minutes, and on ones of half the speed none is to be cut off.
GOTEST := $(GO) test -shuffle=on -p 2 -timeout 60m

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOLANGCI    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## the whole product on :8080, embedded: SQLite, no broker
	$(GO) run ./api

.PHONY: test
test: deps check .build/stack ## everything that must pass: installs what is missing, then formatting, vet, all tests, each benchmark once
	@exec .build/stack with -- $(MAKE) --no-print-directory test-once

# The parts of "make test", within the stack that it starts. Go tests packages in the order in which
# they are named. Those that take longest come first, so that no processor waits for the last one.
# A package's benchmarks follow its tests in the same program. As flags of that program, and not of
# "go test", they have no package wait for another.
#
# The packages in OUTSIDE test programs. The race detector sees nothing of those there, and doubles
# what the tests cost. What they call of the product themselves writes rooms, messages and settings,
# and is under it in packages of its own. "make race" has it in the tests and in the programs.
OUTSIDE = ./test/e2e ./test/browser ./test/load ./test/stack
LONG = ./pkg/poll/pollpg ./pkg/rabbitmq ./api/internal/polls ./test/chaos ./test/model
INSIDE = $(LONG) $$($(GO) list ./... | grep -vxF "$$($(GO) list $(OUTSIDE) $(LONG))")
BENCHES = -test.bench=. -test.benchtime=1x

.PHONY: test-once
test-once:
	@rm -f .build/room.txt; status=0; $(GOTEST) $(GOTESTFLAGS) $(OUTSIDE) || status=1; \
	  $(GOTEST) -race $(GOTESTFLAGS) $(INSIDE) -args $(BENCHES) || status=1; cat .build/room.txt 2>/dev/null; exit $$status

.PHONY: race
race: deps .build/stack ## the tests that talk to programs, with the race detector in both; takes long
	@PLENARY_STACK_RACE=1 exec .build/stack with -- $(GOTEST) -race -timeout 3h $(GOTESTFLAGS) $(OUTSIDE)

.PHONY: unit
unit: check ## the tests that need nothing but Go
	$(GO) test -short -shuffle=on $(GOTESTFLAGS) ./...

.PHONY: postman
postman: deps .build/stack ## the Postman collections, against the embedded API and the production shape
	@exec .build/stack with -- $(GO) test -count=1 -v -run Postman $(GOTESTFLAGS) ./test/e2e/...

# A million votes over all faults and seeds. One fault alone: make chaos CHAOS=kill-worker SEEDS=7
CHAOS ?= .*
SEEDS ?= 1,2,3
VOTES ?= 12000

.PHONY: chaos
chaos: deps ## breaks things while people vote, and proves the guarantees: every fault, three times; an hour
	$(GO) test ./test/chaos -count=1 -timeout 6h -v -run 'Chaos/^$(CHAOS)$$' -seed $(SEEDS) -votes $(VOTES)

# One part alone, and shorter: make bench BENCH=stampede ROUNDS=1 SECONDS=3. Further flags: BENCHFLAGS='-clients 5000'.
# Beside an earlier commit, whose api and worker lie in a folder: make bench BENCHFLAGS='-before FOLDER -connections 64,512,2000'.
BENCH ?= all
ROUNDS ?= 5
SECONDS ?= 8
BENCHFLAGS ?=

.PHONY: bench
bench: ## measures, and writes docs/benchmarks.md; needs a quiet machine, and an hour
	@scripts/install-deps postgresql rabbitmq redis nginx wrk
	@$(GO) build -o .build/bench ./test/load/cmd/bench
	@exec .build/bench -bench $(BENCH) -rounds $(ROUNDS) -seconds $(SECONDS) $(BENCHFLAGS)

.PHONY: check
check:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  [ -z "$$unformatted" ] || { echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...

.PHONY: lint
lint: check ## formatting, vet, length of sentences and lines, staticcheck, golangci-lint, known vulnerabilities
	$(GO) run ./test/prose
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(GOLANGCI) run ./...
	@scripts/vulncheck $(GOVULNCHECK)

.PHONY: up
up: .build/stack ## the production shape on 127.0.0.1:8080; see .stack/stack.json
	@scripts/up

.PHONY: down
down: .build/stack ## ends it and removes its data
	@scripts/down

.PHONY: deps
deps: ## installs what the tests need and is missing (Debian, Ubuntu)
	@scripts/install-deps cc postgresql pgbouncer rabbitmq redis nginx node spin chromium wrk

# Built, not "go run": a program between make and the stack would not pass signals on, and servers would
# be left behind. Always built: Go knows better than make what has changed.
.PHONY: .build/stack
.build/stack:
	@$(GO) build -o $@ ./test/stack/cmd/stack
