# `make` builds bin/pando. `make test` is all that has to pass before a change goes in: 20 minutes at most. `make help` lists the rest.

SHELL := /bin/bash
.DELETE_ON_ERROR:

# What --version says; a release is a tag.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X pando/config.Version=$(VERSION)

# How long each fuzz target and each benchmark runs.
FUZZTIME  ?= 20s
BENCHTIME ?= 1s

# How many seeds the simulation of raft runs.
SIMULATION ?= 1000
# How often test-kill kills; `make test-kill PANDO_KILLS=500` is a long run.
export PANDO_KILLS ?= 8

# Tests of whole processes: the race detector sees nothing of those, and would double the time.
PROCESS  := kill fault service takeover etcd34 etcd238 cluster bootstrap proxy tls bench
UNIT      = $(shell go list ./... | grep -v -E '^pando/test/($(subst $() ,|,$(PROCESS) clients conformance))(/|$$)')
GO_FILES  = $(shell find . -name '*.go' -not -path '*/node_modules/*')

.PHONY: build
build: ## bin/pando, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/pando .

.PHONY: test
test: ## everything; installs what it needs
	@test/install/with.sh "what needs etcd, its clients or a C compiler" echo "all tools are there"
	$(MAKE) lint
	$(MAKE) --keep-going SIMULATION=300 test-race conformance test-simulation $(PROCESS:%=test-%) test-clients

.PHONY: lint
lint: ## go vet and gofmt
	go vet ./...
	@unformatted=$$(gofmt -l $(GO_FILES)); test -z "$$unformatted" || { echo "not formatted: $$unformatted"; exit 1; }

.PHONY: test-race
test-race: ## every package under the race detector; 5 minutes at most
	@race=-race; command -v $${CC:-gcc} >/dev/null || { race=; echo "left out: the race detector (no C compiler)"; }; \
	CGO_ENABLED=$${race:+1} go test $$race -timeout 5m $(UNIT)

.PHONY: $(PROCESS:%=test-%)
test-kill: ## servers that are killed at any moment
test-fault: ## disks that fail, fill up and lie
test-service: ## what systemd, a container's runtime and a shell see: readiness, health, signals, exit codes, draining
test-takeover: ## data directories that real etcds wrote
test-cluster: ## clusters of processes, on a network that is cut, with members that are killed, frozen and replaced; with PANDO_TEST_ETCD238 also mixed ones
test-etcd34: ## Pando beside Debian's etcd 3.4
test-etcd238: ## one data directory from Pando to etcd 2.3.8 and back; PANDO_TEST_ETCD238 names its binary
test-bootstrap: ## clusters that find themselves through a discovery service, Debian's too, and through DNS
test-proxy: ## proxy mode in front of members that are killed and replaced
test-bench: ## the comparison behind docs/benchmarks.md, in little
test-tls: ## TLS on both ports: who is let in, certificates that are exchanged, files that are wrong, curl and etcdctl
$(filter-out test-etcd34 test-cluster test-bootstrap test-tls test-service,$(PROCESS:%=test-%)): test-%:
	go test -count=1 -timeout 15m ./test/$*/...
test-bench: export PANDO_TEST_COMPARE = 1
test-bootstrap:
	@test/install/with.sh "the tests of discovery" env PANDO_TEST_BOOTSTRAP=1 go test -count=1 -timeout 15m ./test/bootstrap/...
test-cluster:
	@test/install/with.sh "the tests of clusters" env PANDO_TEST_CLUSTER=1 go test -count=1 -timeout 15m ./test/cluster/...
.PHONY: test-faults
test-faults: ## ten minutes (PANDO_TEST_CLUSTER_TIME) of kills, pauses, partitions, bad disks and wrong clocks under clients
	PANDO_TEST_CLUSTER=1 PANDO_TEST_CLUSTER_TIME=$${PANDO_TEST_CLUSTER_TIME:-10m} go test -count=1 -timeout 100m -v -run KillPauseRestart ./test/cluster/scenario
test-etcd34:
	@test/install/with.sh "the tests beside etcd 3.4" env PANDO_TEST_ETCD34=1 go test -count=1 -timeout 15m ./test/etcd34/...

test-service:
	@test/install/with.sh "the tests of services" go test -count=1 -timeout 10m ./test/service/...

test-tls:
	@test/install/with.sh "the tests of TLS" go test -count=1 -timeout 10m ./test/tls/...

.PHONY: test-simulation
test-simulation: ## 1,000 seeds of raft's simulation, from PANDO_SIMULATION_SEED on; 5 minutes at most
	PANDO_SIMULATION_SEEDS=$${PANDO_SIMULATION_SEEDS:-$(SIMULATION)} go test -count=1 -timeout 30m -run 'TestSimulation$$' ./raft

.PHONY: test-clients
test-clients: ## programs with real client libraries
	@test/install/with.sh "tests with real clients" env PANDO_TEST_CLIENTS=1 go test -count=1 -timeout 10m ./test/clients/...

.PHONY: conformance conformance-etcd34
conformance: ## the recorded cases against Pando
	go test -count=1 -timeout 10m ./test/conformance/...
conformance-etcd34: ## the same cases against Debian's etcd 3.4: they have to hold there too
	@test/install/with.sh "the cases against etcd 3.4" test/install/etcd34.sh go run ./test/conformance/cmd/conformance

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME
	@for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
		done; \
	done

# A report with findings fails; that the database or the program cannot be had does not, and is said.
.PHONY: vuln
vuln: ## known vulnerabilities in what is called, by govulncheck; needs vuln.go.dev
	@out=$$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./... 2>&1); status=$$?; \
	if [ $$status -ne 0 ] && ! grep -q '^Vulnerability #' <<< "$$out"; then \
		echo "not checked: govulncheck or its database cannot be reached: $$(grep -v '^exit status' <<< "$$out" | tail -1)"; \
	else \
		echo "$$out"; exit $$status; \
	fi

.PHONY: bench bench-page bench-go bench-compare bench-server bench-cluster
bench: build ## Pando beside etcd 3.4 and BINARIES: docs/benchmarks.md, in 40 minutes; ONLY=get,put is part of it, ROUNDS=2 is shorter, QUICK=1 tries it in bin/bench
	@test/install/with.sh "the comparison with etcd 3.4" go run ./test/bench/compare --pando bin/pando \
		$(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick --out bin/bench) $(BINARIES)
bench-page: ## docs/benchmarks.md again, from docs/benchmarks/results.json
	go run ./test/bench/compare --render
bench-go: ## the benchmarks of every package
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) $(UNIT)
bench-compare: ## micro-benchmarks (BENCH, BENCHTIME, COUNT) beside those of the commit before, or of BASE, by benchstat
	@BASE='$(BASE)' BENCH='$(BENCH)' BENCHTIME='$(BENCHTIME)' COUNT='$(COUNT)' test/bench/compare.sh \
		$(addprefix pando/,tree ttl store eventhistory snapshot raft/wal auth metrics front httpapi)
bench-compare: BENCHTIME = 200ms
bench-server: ## the binary over sockets: passwords, crowds, expiry
	go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./test/bench
bench-cluster: ## leaders killed, restarts and returns: what clients notice, 20 times each
	PANDO_TEST_CLUSTER=1 go test -run '^$$' -bench . -benchtime 20x -timeout 60m ./test/cluster/scenario

.PHONY: image
image: ## the Docker image
	docker build --build-arg VERSION=$(VERSION) --tag pando:$(VERSION) .

.PHONY: clean
clean: ## remove what was built
	rm -rf bin

.PHONY: help
help: ## this list
	@grep -h -E '^[a-z0-9 -]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | sort | expand -t 20
