# `make` lists what there is. With TAGS=nomsgpack,external the program has no NATS server in it.
TAGS      = nomsgpack
BUILD     = CGO_ENABLED=0 go build -trimpath -buildvcs=true -tags $(TAGS) -ldflags "-s -w -buildid="
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
NAME      = gateway$(if $(findstring external,$(TAGS)),-external)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## the whole way on a simulated tenant: no account, no configuration
	go run ./cmd/gateway demo

test: ## the tests
	go test ./...

bench: ## the Go benchmarks beside those of the time before; at first beside .ci/bench.txt, of another machine
	mkdir -p dist
	if [ -f dist/bench.txt ]; then mv dist/bench.txt dist/before.txt; else cp .ci/bench.txt dist/before.txt; fi
	go test -run '^$$' -bench '^Benchmark(TraceHops|Route|Plan|Resolve)$$' -count 6 -benchtime 50ms ./ingress ./bridge/rules | tee dist/bench.txt
	go -C .ci/tools tool benchstat ../../dist/before.txt ../../dist/bench.txt

check: ## everything that has to hold before a change lands
	.ci/run

chart: ## the chart, the unit and the compose file, and the program run as they say
	.ci/deploy

docs: ## everything that is made of something else: documents, schemas, goldens, the chart's values and README
	go generate ./...
	go -C deploy/test test -run GatewaysOwnSchema . -update
	$$(go -C .ci/tools-deploy tool -n helm-docs) -c deploy/helm -s file

build: ## dist/gateway for this machine
	$(BUILD) -o dist/gateway ./cmd/gateway

image: ## a container image, with docker or what stands for it
	docker build -f deploy/Dockerfile -t qlikgateway/gateway:dev .

release: $(PLATFORMS:%=release/%) ## dist/: the program for each platform, its parts list, and checksums
	cd dist && sha256sum gateway-* > SHA256SUMS

release/%:
	GOOS=$(*D) GOARCH=$(*F) $(BUILD) -o dist/$(NAME)-$(*D)-$(*F) ./cmd/gateway
	GOOS=$(*D) GOARCH=$(*F) GOFLAGS=-tags=$(TAGS) CGO_ENABLED=0 $$(GOFLAGS=-trimpath go -C .ci/tools-deploy tool -n cyclonedx-gomod) app -json -noserial -notimestamp -std -licenses -output dist/$(NAME)-$(*D)-$(*F).cdx.json -main cmd/gateway .

clean: ## remove dist/
	rm -rf dist

.PHONY: help demo test bench check chart docs build image release clean
