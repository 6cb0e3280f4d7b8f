#!/bin/sh
# aws-lambda-go-api-proxy parses a path a second time that API Gateway has decoded.
#
# Versions:  aws-lambda-go-api-proxy 0.16.2, aws-lambda-go 1.50.0.
# Expected:  the path of an HTTP API event (rawPath, which API Gateway decodes)
#            arrives as Request.URL.Path, byte for byte: "/files/50%25.txt" asked
#            for is "/files/50%.txt" in the event and in the handler.
# Behaviour: what stands behind "?" becomes a query, what stands behind "#" a
#            fragment, "%41" becomes "A", and with another "%" there is no request
#            but an error of the function, that is 502 or 500 for the client.
# Hurts:     everybody who has file names in paths: another file is served, or none.
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
	handler := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.URL.Path)
	}))
	held := true
	for _, c := range []struct{ path, want string }{
		{"/files/plain.txt", "/files/plain.txt"},
		{"/files/why?.txt", "/files/why"},
		{"/files/no#1.txt", "/files/no"},
		{"/files/%41.txt", "/files/A.txt"},
		{"/files/50%.txt", "error"},
	} {
		event := events.APIGatewayV2HTTPRequest{RawPath: c.path}
		event.RequestContext.HTTP.Method = "GET"
		event.RequestContext.HTTP.Path = c.path
		got := "error"
		answer, err := handler.ProxyWithContext(context.Background(), event)
		if err == nil {
			got = answer.Body
		}
		fmt.Printf("path in the event %-18s in the handler %s\n", c.path, got)
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
