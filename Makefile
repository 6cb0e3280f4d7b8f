# What a developer does here. `make help` lists the targets; each names itself
# in the comment behind its colon.

.DEFAULT_GOAL := help
.PHONY: help run test check tools build build-UploadFunction build-FilesFunction contract e2e readers bench soak fuzz session-key clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9_-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without cgo, as the S3 server is built: the two share what they compile. The
# shell becomes the program, so that a signal to make reaches it.
run: ## Serve everything on http://localhost:3000 until Ctrl-C (PORT, S3_PORT and the functions' settings change it)
	@[ -x .local/bin/run ] || echo "Building: the first time takes a minute or two." >&2
	@CGO_ENABLED=0 go build -o .local/bin/run ./internal/local/run
	@exec .local/bin/run

# What Go gives a package by itself, ten minutes, is not enough for the race
# detector on two busy processors.
TEST_TIMEOUT = -timeout 40m

test: ## Run every test that needs neither Docker nor Python
	go test $(TEST_TIMEOUT) ./...

check: tools ## Run what CI runs first: format, vet, linters, known vulnerabilities, race detector
	@unformatted=$$(gofmt -l functions internal); test -z "$$unformatted" || { echo "not formatted by gofmt: $$unformatted"; exit 1; }
	go mod verify
	go vet ./...
	.local/bin/golangci-lint run --config .ci/golangci.yml ./...
	.ci/vulnerabilities
	go test -race $(TEST_TIMEOUT) ./...

tools: ## Build the linter and the vulnerability scanner into .local/bin (some minutes, once)
	@.ci/build-tools

# What is deployed: static, without debug information, without the RPC mode of
# Lambda's first Go runtime, which would bring net/rpc and html/template, and
# without HTTP/2, which neither S3 nor Lambda's runtime API speaks. Inlining makes
# the SDK's code half a megabyte larger, and no request faster.
GOARCH_FUNCTION ?= arm64
BUILD_FUNCTION = CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_FUNCTION) go build -tags lambda.norpc,nethttpomithttp2 -trimpath -ldflags='-s -w' -gcflags='github.com/aws/...=-l'

# The files function has tables of charsets. There the code of TLS and HTTP is not
# inlined either, which is a sixth of a megabyte; a start may take a tenth longer, of
# three milliseconds.
BUILD_FILES_FUNCTION = $(BUILD_FUNCTION) -gcflags=crypto/tls=-l -gcflags=crypto/x509=-l -gcflags=encoding/xml=-l -gcflags=net/http=-l

build: ## Build the functions for Lambda into bin/upload and bin/files (GOARCH_FUNCTION=amd64 for x86)
	$(BUILD_FUNCTION) -o bin/upload/bootstrap ./functions/upload
	$(BUILD_FILES_FUNCTION) -o bin/files/bootstrap ./functions/files

build-UploadFunction: ## What `sam build` calls
	$(BUILD_FUNCTION) -o $(ARTIFACTS_DIR)/bootstrap ./functions/upload

build-FilesFunction: ## What `sam build` calls
	$(BUILD_FILES_FUNCTION) -o $(ARTIFACTS_DIR)/bootstrap ./functions/files

contract: ## Try to break the API's description with schemathesis (two to four minutes; needs Python 3.11 or newer)
	@.ci/contract/run.py

.PHONY: clients
CLIENT ?=
clients: ## Generate clients from the API's description and use them (needs Python 3.11, npm, Maven with a JDK; CLIENT=one of them)
	@internal/proof/clients/run.py $(CLIENT)

# The built program is what runs, so that a signal reaches it.
e2e: ## Test the functions under SAM with LocalStack (needs Python 3.11 to 3.13, Docker or root, and 850 MB below .local)
	@go build -o .local/bin/e2e ./internal/proof/e2e/run
	@exec .local/bin/e2e $(E2E_ARGS)

READER ?=
readers: ## Have programs of many languages read an archive (READER=a part of a name; installs what it can below .local)
	@go build -o .local/bin/readers ./internal/proof/readers
	@exec .local/bin/readers "$(READER)"

bench: ## Measure the upload function against other ways to do it (BENCH_ARGS=-short: once each, only to see that all of it works)
	@echo "Every Go benchmark once, then other ways to do the same, which are installed and built first: some minutes." >&2
	go test -run '^$$' -bench . -benchtime 1x ./internal/...
	@go build -o .local/bin/bench ./internal/proof/bench
	@exec .local/bin/bench $(BENCH_ARGS)

DURATION ?= 10m
soak: ## Upload under random faults and key rotations for DURATION (10m), then count what is there
	@go build -o .local/bin/soak ./internal/proof/soak
	@exec .local/bin/soak -duration "$(DURATION)"

EXPIRES ?= 24h
session-key: ## Mint a session key: CONVERSATION=id [EXPIRES=24h] [SECRET=name in AWS; otherwise the local one]
	@go build -o .local/bin/session-key ./internal/local/mintkey
	@exec .local/bin/session-key -conversation "$(CONVERSATION)" -expires "$(EXPIRES)" \
		$(if $(SECRET),-secret "$(SECRET)",-store "$(or $(LOCAL_DIR),.local)/secrets.json")

FUZZTIME ?= 20s
fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@.ci/fuzz $(FUZZTIME)

# The page's bundle is committed, so that nothing else here needs Node.
.PHONY: page browser
page: ## Bundle the page anew after a change of its sources or libraries (needs Node and npm)
	@internal/deployed/page/refresh.sh

TEST ?=
browser: ## Test the page in Chromium (needs Node and npm; installs Chromium as root on Debian; TEST=a part of a test's name)
	@internal/proof/browser/run.sh "$(TEST)"

clean: ## Remove what was built; files, keys and logs under .local/ stay
	rm -rf .local/bin .aws-sam bin
