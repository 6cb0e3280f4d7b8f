package lambdahttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
)

func samples(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob = %v, %v, want files", files, err)
	}
	return files
}

func TestInvokeUnderstandsEverySampleEvent(t *testing.T) {
	for _, file := range samples(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			var rec recorder
			h := lambdahttp.New(&rec, lambdahttp.Options{})
			out, err := h.Invoke(context.Background(), readFile(t, name+".json"))
			if err != nil || rec.calls != 1 {
				t.Fatalf("Invoke = %s, %v, handler called %d times, want once", out, err, rec.calls)
			}
			got, err := json.MarshalIndent(rec.last, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(readFile(t, name+".golden")), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", golden, diff)
			}
		})
	}
}

// TestEveryFieldMayBeMissing takes each field out of each sample, at any depth,
// and puts null and values of other types in its place.
func TestEveryFieldMayBeMissing(t *testing.T) {
	for _, file := range samples(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			payload := readFile(t, filepath.Base(file))
			for _, path := range fields(t, payload) {
				for _, value := range []any{removed{}, nil, 7, "text", []any{}, []any{nil}, object{}, object{"x": nil}, true} {
					checkAnswered(t, replace(t, payload, path, value))
				}
			}
		})
	}
}

// checkAnswered fails the test unless the event is served, or refused in JSON.
func checkAnswered(t *testing.T, payload []byte) {
	t.Helper()
	var rec recorder
	h := lambdahttp.New(&rec, lambdahttp.Options{})
	out, err := h.Invoke(context.Background(), bytes.Clone(payload))
	if err != nil {
		t.Fatalf("Invoke(%s): %v", payload, err)
	}
	var answer struct {
		StatusCode int
		Body       string
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatalf("Invoke(%s) = %s: %v", payload, out, err)
	}
	switch {
	case rec.calls == 1 && answer.StatusCode == http.StatusOK && rec.last.BodyErr == "":
	case rec.calls == 1 && rec.last.BodyErr == lambdahttp.ErrBase64.Error():
	case rec.calls == 0 && answer.StatusCode == http.StatusBadRequest && json.Valid([]byte(answer.Body)):
	default:
		t.Errorf("Invoke(%s) = %s after %d calls", payload, out, rec.calls)
	}
}

// removed stands for a field that is not there.
type removed struct{}

// fields lists the paths of all fields of a JSON object.
func fields(t *testing.T, payload []byte) [][]string {
	t.Helper()
	var event object
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	var paths [][]string
	var walk func(prefix []string, o object)
	walk = func(prefix []string, o object) {
		for name, value := range o {
			path := append(prefix[:len(prefix):len(prefix)], name)
			paths = append(paths, path)
			if inner, ok := value.(object); ok {
				walk(path, inner)
			}
		}
	}
	walk(nil, event)
	return paths
}

// replace returns the payload with another value at a path.
func replace(t *testing.T, payload []byte, path []string, value any) []byte {
	t.Helper()
	var event object
	if err := json.Unmarshal(payload, &event); err != nil {
		t.Fatal(err)
	}
	at := event
	for _, name := range path[:len(path)-1] {
		at = at[name].(object)
	}
	last := path[len(path)-1]
	if value == (removed{}) {
		delete(at, last)
	} else {
		at[last] = value
	}
	return marshal(t, event)
}

func TestOtherEventsGetAClearAnswerAndOneLogLine(t *testing.T) {
	const secret = "s3cr3t"
	tests := []struct {
		name, in string
	}{
		{"nothing", ``},
		{"null", `null`},
		{"empty object", `{}`},
		{"array", `["s3cr3t"]`},
		{"number", `7`},
		{"string", `"s3cr3t"`},
		{"no JSON", `s3cr3t`},
		{"cut JSON", `{"httpMethod":"POST","path":"/","body":"s3cr3t`},
		{"trailing text", `{"httpMethod":"POST","path":"/"} s3cr3t`},
		{"single quotes", `{'httpMethod':'POST','body':'s3cr3t'}`},
		{"missing comma", `{"httpMethod":"POST" "body":"s3cr3t"}`},
		{"line break in the body", "{\"httpMethod\":\"POST\",\"body\":\"a\ns3cr3t\"}"},
		{"wrong escape in the body", `{"httpMethod":"POST","body":"\x s3cr3t"}`},
		{"wrong escape in a base64 body", `{"httpMethod":"POST","body":"\x s3cr3t","isBase64Encoded":true}`},
		{"body is a number", `{"httpMethod":"POST","path":"/","body":7}`},
		{"body is an object", `{"httpMethod":"POST","path":"/","body":{"s3cr3t":"s3cr3t"}}`},
		{"headers of another type", `{"httpMethod":"POST","path":"/","headers":"s3cr3t"}`},
		{"warm-up ping", `{"warmup":true,"token":"s3cr3t"}`},
		{"EventBridge", `{"version":"0","id":"s3cr3t","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`},
		{"SQS", `{"Records":[{"messageId":"1","body":"s3cr3t","eventSource":"aws:sqs"}]}`},
		{"S3", `{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"s3cr3t"}}}]}`},
		{"WebSocket", `{"requestContext":{"routeKey":"$connect","connectionId":"s3cr3t"},"isBase64Encoded":false}`},
		{"VPC Lattice", `{"version":"2.0","path":"/","method":"GET","requestContext":{"serviceArn":"s3cr3t"}}`},
		{"no method", `{"requestContext":{"http":{"path":"/s3cr3t"}},"rawPath":"/s3cr3t"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var rec recorder
			var log bytes.Buffer
			h := lambdahttp.New(&rec, lambdahttp.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
			out, err := h.Invoke(context.Background(), []byte(tt.in))
			if err != nil {
				t.Fatalf("Invoke(%s): %v", tt.in, err)
			}
			var answer struct {
				StatusCode int
				Headers    map[string]string
				Body       string
			}
			var body struct{ Detail string }
			if err := json.Unmarshal(out, &answer); err != nil {
				t.Fatalf("Invoke(%s) = %s: %v", tt.in, out, err)
			}
			if err := json.Unmarshal([]byte(answer.Body), &body); err != nil || body.Detail == "" {
				t.Errorf("Invoke(%s) = %s, want a detail", tt.in, out)
			}
			if answer.StatusCode != http.StatusBadRequest || answer.Headers["Content-Type"] != "application/json" {
				t.Errorf("Invoke(%s) = %s, want 400 in JSON", tt.in, out)
			}
			if rec.calls != 0 {
				t.Errorf("Invoke(%s) called the handler", tt.in)
			}
			if lines := strings.Count(log.String(), "\n"); lines != 1 {
				t.Errorf("Invoke(%s) logged %d lines, want 1:\n%s", tt.in, lines, &log)
			}
			if strings.Contains(log.String(), secret) || strings.Contains(string(out), secret) {
				t.Errorf("Invoke(%s) hands on what it was sent: answer %s, log %s", tt.in, out, &log)
			}
		})
	}
}

func TestRefusalHasTheShapeOfItsKind(t *testing.T) {
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			h := lambdahttp.New(http.NotFoundHandler(), lambdahttp.Options{})
			got := invoke(t, h, kind, newEvent(t, kind, object{"body": 7}))
			if got.Status != http.StatusBadRequest || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("answer to a body that is a number = %d %v, want 400 in JSON", got.Status, got.Header)
			}
		})
	}
}
