#!/bin/sh
# aws-lambda-go-api-proxy cuts every header at its commas, for all that it means.
#
# Versions:  aws-lambda-go-api-proxy 0.16.2, aws-lambda-go 1.50.0.
# Expected:  a header that arrived once is one value in http.Request.Header.
# Behaviour: it is cut at each comma, within quotation marks too, and Header.Get
#            gives what stands before the first one. A fixed list of names is
#            spared, and If-Modified-Since is on it; If-None-Match is not, nor is
#            any name of one's own.
# Hurts:     keys and tokens with a comma (a right one is refused), entity tags and
#            file names with a comma.
set -eu
command -v go >/dev/null || { echo "SKIPPED: needs Go"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

cat >main.go <<'G'
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

func main() {
	var got string
	handler := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get(r.Header.Get("X-Name"))
		w.WriteHeader(http.StatusNoContent)
	}))
	held := true
	for _, c := range []struct{ name, sent, want string }{
		{"X-Session-Api-Key", "ab,cd", "ab"},
		{"X-File-Name", `"minutes, May.txt"`, `"minutes`},
		{"If-None-Match", `"v1,2"`, `"v1`},
		{"If-Modified-Since", "Sun, 01 Mar 2026 00:00:00 GMT", "Sun, 01 Mar 2026 00:00:00 GMT"},
	} {
		event := events.APIGatewayV2HTTPRequest{RawPath: "/", Headers: map[string]string{"X-Name": c.name, c.name: c.sent}}
		event.RequestContext.HTTP.Method = "GET"
		event.RequestContext.HTTP.Path = "/"
		got = ""
		handler.ProxyWithContext(context.Background(), event)
		fmt.Printf("%s\n  sent %s\n  got  %s\n", c.name, c.sent, got)
		held = held && got == c.want
	}
	if !held {
		os.Exit(1)
	}
}
G
{
	go mod init finding
	go get github.com/awslabs/aws-lambda-go-api-proxy@v0.16.2 github.com/aws/aws-lambda-go@v1.50.0
	go mod tidy
	go build -o finding .
} >log 2>&1 || { cat log; exit 1; }
./finding 2>log
