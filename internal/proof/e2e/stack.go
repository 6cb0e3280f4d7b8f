// Package e2e tests the product from outside, as its clients and its operators
// see it: over HTTP, with the bucket and the secret at hand. The tests run
// against the local stack of `make run`, which they start themselves, and
// against the function under SAM with LocalStack, which the command in run
// starts (`make e2e`).
package e2e

import (
	"encoding/json"
	"fmt"
	"time"
)

// Variable is the environment variable that tells the tests of a stack that
// runs, as the JSON of a [Stack]. Without it they start the local stack.
const Variable = "E2E_STACK"

// A Stack says where everything is.
type Stack struct {
	Name string // such as "SAM and LocalStack"
	API  string // base URL, without a slash at the end

	Region          string
	AccessKeyID     string
	SecretAccessKey string

	S3        string // endpoint that clients use
	Bucket    string
	Prefix    string // of all keys; ends in a slash
	Anonymous bool   // S3 serves requests without a signature, which on AWS no such bucket does

	Secrets  string // endpoint of Secrets Manager
	SecretID string // of the session key

	Origin         string        // of the one page that may call the API and the bucket
	URLExpiry      time.Duration // of presigned URLs
	PreviousWindow time.Duration // in which the previous session key still opens

	// Deployed says that the bucket, its policy and the secret are made from
	// template.yaml.
	Deployed bool

	// ColdStart is what the functions' log has once for each cold start. Empty
	// means that a cold start cannot be told.
	ColdStart string

	// Control is the base URL of the faults that can be put in:
	//
	//	POST /store/{mode}    what becomes of the functions' calls of S3: see relay.Mode
	//	POST /secrets/{mode}  what becomes of their calls of Secrets Manager
	//	POST /function/stop   ends the functions' environments: the next start is cold
	//	GET  /function/log    all that the functions have logged
	Control string
}

// Decode reads the value of [Variable].
func Decode(text string) (Stack, error) {
	var s Stack
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Stack{}, fmt.Errorf("%s: %w", Variable, err)
	}
	return s, nil
}

// Encode is the opposite of [Decode].
func (s Stack) Encode() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(text)
}
