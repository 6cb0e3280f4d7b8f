// Package openapi holds the description of the API.
//
// The description is kept by hand in openapi.yaml. The JSON beside it is
// generated from it, so that the function carries no reader of YAML:
//
//	go generate ./internal/deployed/openapi
package openapi

import _ "embed"

//go:generate go test -run ^TestJSONIsMadeFromTheYAML$ -update .

//go:embed openapi.json
var document []byte

// JSON returns the description, an OpenAPI 3.1 document in JSON of one line. It
// is the same bytes at each call; the caller must not change them.
func JSON() []byte { return document }
