package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"uploadfiles/internal/deployed/lambdahttp"
)

// ErrMalformed says that a function's answer is not one that its gateway takes.
var ErrMalformed = errors.New("malformed function answer")

// Answer is what a client gets.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// wire has the fields of the answers to all kinds of event.
type wire struct {
	Status            int                 `json:"statusCode"`
	Description       *string             `json:"statusDescription"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// Decode reads a function's answer as a gateway of this kind does, or returns
// an error that is ErrMalformed. It is strict: a field that the kind has no use
// for is an error as well, which for a REST API is what AWS does, and elsewhere
// would be a header or a cookie that never arrives. So is an answer of more bytes
// than a load balancer takes.
func Decode(kind lambdahttp.Kind, response []byte) (Answer, error) {
	if balancer(kind) && len(response) > maxBalanced {
		return Answer{}, fmt.Errorf("%w: %d bytes, a load balancer takes %d", ErrMalformed, len(response), maxBalanced)
	}
	var w wire
	decoder := json.NewDecoder(bytes.NewReader(response))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&w); err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if decoder.More() {
		return Answer{}, fmt.Errorf("%w: more than one value", ErrMalformed)
	}
	if w.Status < 100 || w.Status > 599 {
		return Answer{}, fmt.Errorf("%w: status code %d", ErrMalformed, w.Status)
	}
	if field := w.misplaced(kind); field != "" {
		return Answer{}, fmt.Errorf("%w: %s in the answer to an event of kind %q", ErrMalformed, field, kind)
	}
	body := []byte(w.Body)
	if w.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(w.Body); err != nil {
			return Answer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	return Answer{Status: w.Status, Header: w.header(), Body: body}, nil
}

// maxBalanced is how many bytes of an answer's JSON a load balancer takes. The
// documentation says 1 MB and not which: this is the smaller
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
const maxBalanced = 1_000_000

func balancer(kind lambdahttp.Kind) bool {
	return kind == lambdahttp.ALB || kind == lambdahttp.ALBMultiValue
}

// misplaced names a field that this kind of gateway does not read.
func (w *wire) misplaced(kind lambdahttp.Kind) string {
	rest := kind == lambdahttp.REST
	switch {
	case w.Description != nil && !balancer(kind):
		return "statusDescription"
	case w.Headers != nil && kind == lambdahttp.ALBMultiValue:
		return "headers"
	case w.MultiValueHeaders != nil && !rest && kind != lambdahttp.ALBMultiValue:
		return "multiValueHeaders"
	case w.Cookies != nil && (rest || balancer(kind)):
		return "cookies"
	}
	return ""
}

// header merges the two maps as a REST API does: a pair that is in both comes
// once.
func (w *wire) header() http.Header {
	header := http.Header{}
	for name, values := range w.MultiValueHeaders {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	for name, value := range w.Headers {
		if !slices.Contains(w.MultiValueHeaders[name], value) {
			header.Add(name, value)
		}
	}
	for _, cookie := range w.Cookies {
		header.Add("Set-Cookie", cookie)
	}
	return header
}
