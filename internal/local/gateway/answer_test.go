package gateway_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

func TestAnswerIsReadAsItsGatewayDoes(t *testing.T) {
	header := http.Header{"Content-Type": {"text/plain"}, "X-A": {"1", "2"}, "Set-Cookie": {"a=1", "b=2"}}
	joined := http.Header{"Content-Type": {"text/plain"}, "X-A": {"1, 2"}, "Set-Cookie": {"a=1", "b=2"}}
	tests := []struct {
		name string
		kind lambdahttp.Kind
		in   string
		want http.Header
	}{
		{"REST", lambdahttp.REST, `{"statusCode":201,"headers":{"content-type":"text/plain"},"multiValueHeaders":{"X-A":["1","2"],"Set-Cookie":["a=1","b=2"]},"body":"/w==","isBase64Encoded":true}`, header},
		{"REST, the same pair in both maps", lambdahttp.REST, `{"statusCode":201,"headers":{"Content-Type":"text/plain","X-A":"2"},"multiValueHeaders":{"Content-Type":["text/plain"],"X-A":["1","2"],"Set-Cookie":["a=1","b=2"]},"body":"/w==","isBase64Encoded":true}`, header},
		{"HTTP API", lambdahttp.HTTPAPI, `{"statusCode":201,"headers":{"Content-Type":"text/plain","X-A":"1, 2"},"cookies":["a=1","b=2"],"body":"/w==","isBase64Encoded":true}`, joined},
		{"Function URL", lambdahttp.FunctionURL, `{"statusCode":201,"headers":{"Content-Type":"text/plain","X-A":"1, 2"},"cookies":["a=1","b=2"],"body":"/w==","isBase64Encoded":true}`, joined},
		{"load balancer", lambdahttp.ALBMultiValue, `{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Content-Type":["text/plain"],"X-A":["1","2"],"Set-Cookie":["a=1","b=2"]},"body":"/w==","isBase64Encoded":true}`, header},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := gateway.Decode(tt.kind, []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			want := gateway.Answer{Status: http.StatusCreated, Header: tt.want, Body: []byte("\xff")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Decode(%q, %s) (-want +got):\n%s", tt.kind, tt.in, diff)
			}
		})
	}
}

func TestMalformedAnswerIsRefused(t *testing.T) {
	tests := []struct {
		name string
		kind lambdahttp.Kind
		in   string
	}{
		{"nothing", lambdahttp.REST, ``},
		{"null", lambdahttp.REST, `null`},
		{"no JSON", lambdahttp.REST, `hello`},
		{"no object", lambdahttp.REST, `"hello"`},
		{"two values", lambdahttp.REST, `{"statusCode":200} {"statusCode":200}`},
		{"no status", lambdahttp.REST, `{"body":"x"}`},
		{"status of another type", lambdahttp.REST, `{"statusCode":"OK"}`},
		{"status too small", lambdahttp.REST, `{"statusCode":99}`},
		{"status too large", lambdahttp.REST, `{"statusCode":600}`},
		{"body of another type", lambdahttp.REST, `{"statusCode":200,"body":{}}`},
		{"header of another type", lambdahttp.REST, `{"statusCode":200,"headers":{"X-A":1}}`},
		{"unknown field", lambdahttp.REST, `{"statusCode":200,"extra":1}`},
		{"wrong base64", lambdahttp.REST, `{"statusCode":200,"body":"!","isBase64Encoded":true}`},
		{"REST API with a description", lambdahttp.REST, `{"statusCode":200,"statusDescription":"200 OK"}`},
		{"REST API with cookies", lambdahttp.REST, `{"statusCode":200,"cookies":["a=1"]}`},
		{"HTTP API with lists", lambdahttp.HTTPAPI, `{"statusCode":200,"multiValueHeaders":{"X-A":["1"]}}`},
		{"load balancer with lists, without the setting", lambdahttp.ALB, `{"statusCode":200,"multiValueHeaders":{"X-A":["1"]}}`},
		{"load balancer without lists, with the setting", lambdahttp.ALBMultiValue, `{"statusCode":200,"headers":{"X-A":"1"}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := gateway.Decode(tt.kind, []byte(tt.in)); !errors.Is(err, gateway.ErrMalformed) {
				t.Errorf("Decode(%q, %s) = %+v, %v, want ErrMalformed", tt.kind, tt.in, got, err)
			}
		})
	}
}

func TestDecodeTakesNoMoreThanALoadBalancerDoes(t *testing.T) {
	answer := func(size int) []byte {
		const head, tail = `{"statusCode":200,"body":"`, `"}`
		return []byte(head + strings.Repeat("a", size-len(head)-len(tail)) + tail)
	}
	for _, kind := range []lambdahttp.Kind{lambdahttp.ALB, lambdahttp.ALBMultiValue} {
		if _, err := gateway.Decode(kind, answer(1_000_000)); err != nil {
			t.Errorf("Decode of 1 MB from an event of kind %q = %v", kind, err)
		}
		if _, err := gateway.Decode(kind, answer(1_000_001)); !errors.Is(err, gateway.ErrMalformed) {
			t.Errorf("Decode of more than 1 MB from an event of kind %q = %v, want ErrMalformed", kind, err)
		}
	}
	if _, err := gateway.Decode(lambdahttp.REST, answer(1_000_001)); err != nil {
		t.Errorf("Decode of more than 1 MB from a REST API = %v", err)
	}
}
