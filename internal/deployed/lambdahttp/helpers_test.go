package lambdahttp_test

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

var update = flag.Bool("update", false, "write the golden files anew")

var kinds = []lambdahttp.Kind{
	lambdahttp.REST,
	lambdahttp.HTTPAPI,
	lambdahttp.FunctionURL,
	lambdahttp.ALB,
	lambdahttp.ALBMultiValue,
}

// sample names the event of testdata that stands for a kind.
var sample = map[lambdahttp.Kind]string{
	lambdahttp.REST:          "rest.json",
	lambdahttp.HTTPAPI:       "http.json",
	lambdahttp.FunctionURL:   "function-url.json",
	lambdahttp.ALB:           "alb.json",
	lambdahttp.ALBMultiValue: "alb-multivalue.json",
}

// A view is a request as the http.Handler saw it.
type view struct {
	Method        string
	Path          string
	EscapedPath   string
	RawQuery      string
	RequestURI    string
	Host          string
	RemoteAddr    string
	Header        http.Header
	ContentLength int64
	Body          string
	BodyErr       string `json:",omitempty"`
	Info          lambdahttp.Info
}

// A recorder is an http.Handler that keeps what it sees and answers 200.
type recorder struct {
	calls int
	last  view
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.calls++
	info, _ := lambdahttp.InfoFrom(r.Context())
	rec.last = view{
		Method:        r.Method,
		Path:          r.URL.Path,
		EscapedPath:   r.URL.EscapedPath(),
		RawQuery:      r.URL.RawQuery,
		RequestURI:    r.RequestURI,
		Host:          r.Host,
		RemoteAddr:    r.RemoteAddr,
		Header:        r.Header.Clone(),
		ContentLength: r.ContentLength,
		Info:          info,
	}
	body, err := io.ReadAll(r.Body)
	rec.last.Body = string(body)
	if err != nil {
		rec.last.BodyErr = err.Error()
		w.WriteHeader(http.StatusBadRequest)
	}
}

type object = map[string]any

// newEvent returns a kind's sample event with some top-level fields set anew. A
// change under "requestContext" is merged into the sample's.
func newEvent(t testing.TB, kind lambdahttp.Kind, changes object) []byte {
	t.Helper()
	event := object{}
	if err := json.Unmarshal(readFile(t, sample[kind]), &event); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if name == "requestContext" {
			maps.Copy(event[name].(object), value.(object))
			continue
		}
		event[name] = value
	}
	return marshal(t, event)
}

// withHeader returns the change that gives an event exactly one header.
func withHeader(kind lambdahttp.Kind, name string, values ...string) object {
	if kind == lambdahttp.REST || kind == lambdahttp.ALBMultiValue {
		return object{"multiValueHeaders": object{name: values}}
	}
	return object{"headers": object{name: values[0]}, "cookies": nil}
}

// withPath returns the change that gives an event this path, in the event's own
// encoding.
func withPath(kind lambdahttp.Kind, path string) object {
	if kind == lambdahttp.HTTPAPI || kind == lambdahttp.FunctionURL {
		return object{"rawPath": path}
	}
	return object{"path": path}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	out, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// invoke sends one event and reads the answer as the gateway of this kind does.
func invoke(t testing.TB, h *lambdahttp.Handler, kind lambdahttp.Kind, payload []byte) gateway.Answer {
	t.Helper()
	out, err := h.Invoke(context.Background(), payload)
	if err != nil {
		t.Fatalf("Invoke: %v", err)
	}
	answer, err := gateway.Decode(kind, out)
	if err != nil {
		t.Fatalf("Decode(%q, %s): %v", kind, out, err)
	}
	return answer
}

// seen serves one event and returns what the http.Handler saw of it.
func seen(t testing.TB, kind lambdahttp.Kind, payload []byte) view {
	t.Helper()
	var rec recorder
	answer := invoke(t, lambdahttp.New(&rec, lambdahttp.Options{}), kind, payload)
	if rec.calls != 1 {
		t.Fatalf("the handler was called %d times, want once; answer %d %s", rec.calls, answer.Status, answer.Body)
	}
	return rec.last
}

// serve answers one event of this kind with h.
func serve(t testing.TB, kind lambdahttp.Kind, h http.HandlerFunc) gateway.Answer {
	t.Helper()
	return invoke(t, lambdahttp.New(h, lambdahttp.Options{}), kind, newEvent(t, kind, nil))
}
