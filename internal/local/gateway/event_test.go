package gateway_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

type object = map[string]any

var kinds = []lambdahttp.Kind{
	lambdahttp.REST,
	lambdahttp.HTTPAPI,
	lambdahttp.FunctionURL,
	lambdahttp.ALB,
	lambdahttp.ALBMultiValue,
}

// event makes the event of a request.
func event(t *testing.T, kind lambdahttp.Kind, r *http.Request, body string, o gateway.Options) object {
	t.Helper()
	out, err := gateway.Event(kind, r, []byte(body), o)
	if err != nil {
		t.Fatalf("Event(%q): %v", kind, err)
	}
	var event object
	if err := json.Unmarshal(out, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func at(o object, path ...string) any {
	for _, name := range path[:len(path)-1] {
		o, _ = o[name].(object)
	}
	return o[path[len(path)-1]]
}

func textOf(o object, path ...string) string {
	text, _ := at(o, path...).(string)
	return text
}

// TestEventMatchesTheSample sends the request of the sample events.
func TestEventMatchesTheSample(t *testing.T) {
	const body = `{"message":"hello","unicode":"λ"}`
	for file, kind := range map[string]lambdahttp.Kind{
		"rest.json":           lambdahttp.REST,
		"http.json":           lambdahttp.HTTPAPI,
		"function-url.json":   lambdahttp.FunctionURL,
		"alb.json":            lambdahttp.ALB,
		"alb-multivalue.json": lambdahttp.ALBMultiValue,
	} {
		t.Run(file, func(t *testing.T) {
			sample, err := os.ReadFile(filepath.Join("../../deployed/lambdahttp/testdata", file))
			if err != nil {
				t.Fatal(err)
			}
			var want object
			if err := json.Unmarshal(sample, &want); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/api/conversations/space%20c/upload-files?tag=one&tag=two&next=https%3A%2F%2Fexample.com%2Fx&plus=1+1&escaped=1%2B1&none=", strings.NewReader(body))
			r.RemoteAddr = "192.0.2.7:4711"
			r.Host = sampleHost(want)
			r.Header = http.Header{
				"Accept":          {"*/*"},
				"Content-Type":    {"application/json"},
				"Cookie":          {"session=abc123; theme=dark"},
				"User-Agent":      {"curl/8.7.1"},
				"X-Amzn-Trace-Id": {"Root=1-5759e988-bd862e3fe1be46a994272793"},
				"X-Probe":         {"first", "second"},
			}
			if kind != lambdahttp.ALB && kind != lambdahttp.ALBMultiValue {
				r.TLS = &tls.ConnectionState{}
			}
			got := event(t, kind, r, body, gateway.Options{Stage: textOf(want, "requestContext", "stage")})
			for _, path := range [][]string{
				{"requestContext", "stage"},
				{"requestContext", "path"},
				{"requestContext", "httpMethod"},
				{"requestContext", "http"},
				{"requestContext", "identity", "sourceIp"},
				{"requestContext", "identity", "userAgent"},
			} {
				if diff := cmp.Diff(at(want, path...), at(got, path...)); diff != "" {
					t.Errorf("%v (-sample +got):\n%s", path, diff)
				}
			}
			delete(want, "requestContext")
			delete(got, "requestContext")
			if header, ok := want["headers"].(object); ok {
				delete(header, "x-amzn-tls-cipher-suite")
				delete(header, "x-amzn-tls-version")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event (-sample +got):\n%s", diff)
			}
		})
	}
}

// sampleHost is the host that a sample event names.
func sampleHost(event object) string {
	if many, ok := event["multiValueHeaders"].(object); ok {
		for _, name := range []string{"Host", "host"} {
			if values, ok := many[name].([]any); ok {
				return values[0].(string)
			}
		}
	}
	return textOf(event, "headers", "host")
}

func TestStageStandsBeforeAnHTTPAPIsPathOnly(t *testing.T) {
	r := httptest.NewRequest("POST", "/a%20b", nil)
	tests := []struct {
		name  string
		kind  lambdahttp.Kind
		stage string
		field []string
		want  string
	}{
		{"HTTP API, named", lambdahttp.HTTPAPI, "prod", []string{"rawPath"}, "/prod/a b"},
		{"HTTP API, default", lambdahttp.HTTPAPI, "", []string{"rawPath"}, "/a b"},
		{"HTTP API, default's name", lambdahttp.HTTPAPI, "", []string{"requestContext", "stage"}, "$default"},
		{"REST API", lambdahttp.REST, "prod", []string{"path"}, "/a%20b"},
		{"REST API, context", lambdahttp.REST, "prod", []string{"requestContext", "path"}, "/prod/a%20b"},
		{"REST API, default", lambdahttp.REST, "", []string{"requestContext", "stage"}, "Prod"},
		{"Function URL", lambdahttp.FunctionURL, "prod", []string{"rawPath"}, "/a%20b"},
		{"Function URL, context", lambdahttp.FunctionURL, "prod", []string{"requestContext", "stage"}, "$default"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := textOf(event(t, tt.kind, r, "", gateway.Options{Stage: tt.stage}), tt.field...)
			if got != tt.want {
				t.Errorf("stage %q: %v = %q, want %q", tt.stage, tt.field, got, tt.want)
			}
		})
	}
}

func TestBodyIsBase64WhereTheGatewayMakesItSo(t *testing.T) {
	form := []string{"multipart/form-data"}
	tests := []struct {
		name     string
		kind     lambdahttp.Kind
		types    []string
		header   string
		encoding string
		want     bool
	}{
		{"REST, binary type", lambdahttp.REST, form, "Multipart/Form-Data; boundary=b", "", true},
		{"REST, parameters that do not parse", lambdahttp.REST, form, "multipart/form-data; boundary=", "", true},
		{"REST, other type", lambdahttp.REST, form, "image/png", "", false},
		{"REST, all types", lambdahttp.REST, []string{"*/*"}, "text/plain", "", true},
		{"REST, no binary types", lambdahttp.REST, nil, "multipart/form-data; boundary=b", "", false},
		{"HTTP API, form", lambdahttp.HTTPAPI, nil, "multipart/form-data; boundary=b", "", true},
		{"HTTP API, no type", lambdahttp.HTTPAPI, nil, "", "", true},
		{"HTTP API, text", lambdahttp.HTTPAPI, nil, "Text/CSV; charset=utf-8", "", false},
		{"HTTP API, JSON", lambdahttp.HTTPAPI, nil, "application/json", "", false},
		{"Function URL, form", lambdahttp.FunctionURL, nil, "multipart/form-data; boundary=b", "", true},
		{"load balancer, XML", lambdahttp.ALB, nil, "application/xml", "", false},
		{"load balancer, compressed", lambdahttp.ALB, nil, "application/json", "gzip", true},
		{"load balancer, form", lambdahttp.ALBMultiValue, nil, "multipart/form-data; boundary=b", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", nil)
			r.Header.Set("Content-Type", tt.header)
			if tt.encoding != "" {
				r.Header.Set("Content-Encoding", tt.encoding)
			}
			got := event(t, tt.kind, r, "hello", gateway.Options{BinaryTypes: tt.types})
			want := "hello"
			if tt.want {
				want = base64.StdEncoding.EncodeToString([]byte("hello"))
			}
			if got["isBase64Encoded"] != tt.want || got["body"] != want {
				t.Errorf("%q: body %v, base64 %v, want %q, %t", tt.header, got["body"], got["isBase64Encoded"], want, tt.want)
			}
		})
	}
}

func TestBinaryBodySentAsTextIsDestroyed(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	got := event(t, lambdahttp.REST, r, "\x89PNG\xff\xd8", gateway.Options{})
	if want := "\uFFFDPNG\uFFFD\uFFFD"; got["body"] != want || got["isBase64Encoded"] != false {
		t.Errorf("body %q, base64 %v, want %q, false", got["body"], got["isBase64Encoded"], want)
	}
}

func TestEmptyBodyIsWrittenAsEachGatewayDoes(t *testing.T) {
	for _, kind := range kinds {
		r := httptest.NewRequest("GET", "/", nil)
		got := event(t, kind, r, "", gateway.Options{BinaryTypes: []string{"*/*"}})
		body, present := got["body"]
		var want bool
		switch kind {
		case lambdahttp.REST:
			want = present && body == nil
		case lambdahttp.HTTPAPI, lambdahttp.FunctionURL:
			want = !present
		default:
			want = body == ""
		}
		if !want || got["isBase64Encoded"] != false {
			t.Errorf("%s: body %#v, present %t, base64 %v", kind, body, present, got["isBase64Encoded"])
		}
	}
}

func TestForwardedHeadersNameTheClientLast(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "localhost:3000"
	r.RemoteAddr = "[2001:db8::7]:4711"
	r.Header.Set("X-Forwarded-For", "198.51.100.9")
	got := event(t, lambdahttp.ALB, r, "", gateway.Options{})
	for name, want := range map[string]string{
		"x-forwarded-for":   "198.51.100.9, 2001:db8::7",
		"x-forwarded-port":  "3000",
		"x-forwarded-proto": "http",
		"host":              "localhost:3000",
	} {
		if value := textOf(got, "headers", name); value != want {
			t.Errorf("%s = %q, want %q", name, value, want)
		}
	}
	if trace := textOf(got, "headers", "x-amzn-trace-id"); !strings.HasPrefix(trace, "Root=1-") {
		t.Errorf("x-amzn-trace-id = %q", trace)
	}
}

func TestRequestIDIsTheGivenOneOrNew(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	id := func(o gateway.Options) string {
		return textOf(event(t, lambdahttp.REST, r, "", o), "requestContext", "requestId")
	}
	if got := id(gateway.Options{RequestID: "mine"}); got != "mine" {
		t.Errorf("requestId = %q, want the given one", got)
	}
	if a, b := id(gateway.Options{}), id(gateway.Options{}); a == b || len(a) != 36 {
		t.Errorf("requestId = %q, then %q, want two UUIDs", a, b)
	}
}

func TestUnknownKindHasNoEvent(t *testing.T) {
	if out, err := gateway.Event("", httptest.NewRequest("GET", "/", nil), nil, gateway.Options{}); err == nil {
		t.Errorf("Event of no kind = %s, want an error", out)
	}
}
