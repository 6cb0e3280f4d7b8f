package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// Until an answer has gone out, whatever goes wrong has an answer of its own, and
// the log line tells what the client got.
func TestAnUnsentAnswerThatFailsIsReplaced(t *testing.T) {
	begun := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", "attachment")
		_, _ = io.WriteString(w, "PK")
	}
	tests := map[string]struct {
		handle httpapi.Handler
		want   int
		detail string
	}{
		"time ran out": {func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			begun(w)
			return fmt.Errorf("read a file: %w", context.DeadlineExceeded)
		}, 503, "The request took too long. Try again; nothing is stored twice."},
		"an error of its own": {func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			begun(w)
			return errors.New("a secret")
		}, 500, "Internal Server Error"},
		"a panic": {func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			begun(w)
			panic("a secret")
		}, 500, "Internal Server Error"},
		"too large": {func(w http.ResponseWriter, r *http.Request, _ *httpapi.Call) error {
			begun(w)
			return httpapi.WriteJSON(w, r, http.StatusOK, strings.Repeat(`"`, 4<<20))
		}, 413, "The answer would have more than "},
		"too large, and noticed": {func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			begun(w)
			_, err := io.Copy(w, strings.NewReader(strings.Repeat("a", 7<<20)))
			return err
		}, 413, "The answer would have more than "},
		"nothing is wrong": {func(w http.ResponseWriter, _ *http.Request, _ *httpapi.Call) error {
			_, err := io.WriteString(w, `{"detail":"fine"}`)
			return err
		}, 200, "fine"},
	}
	for name, test := range tests {
		for _, kind := range []lambdahttp.Kind{lambdahttp.REST, lambdahttp.HTTPAPI, lambdahttp.FunctionURL, lambdahttp.ALB, lambdahttp.ALBMultiValue} {
			var log bytes.Buffer
			api := httpapi.New(httpapi.Options{Origins: []string{"*"}, Log: slog.New(slog.NewJSONHandler(&log, nil))},
				httpapi.Route{Method: http.MethodGet, Path: "/a", Handle: test.handle})
			r := httptest.NewRequest(http.MethodGet, "/a", nil)
			r.Header.Set("Origin", "https://chat.example.com")
			event, err := gateway.Event(kind, r, nil, gateway.Options{})
			if err != nil {
				t.Fatal(err)
			}
			out, err := lambdahttp.New(api, lambdahttp.Options{}).Invoke(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			got, err := gateway.Decode(kind, out)
			if err != nil {
				t.Fatal(err)
			}
			var body struct{ Detail string }
			if err := json.Unmarshal(got.Body, &body); err != nil || got.Status != test.want || !strings.HasPrefix(body.Detail, test.detail) {
				t.Errorf("%s, %s: answer %d %.200s, %v, want %d %q", kind, name, got.Status, got.Body, err, test.want, test.detail)
			}
			if got.Header.Get("Content-Disposition") != "" || got.Header.Get("Access-Control-Allow-Origin") == "" ||
				test.want == 503 && got.Header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: headers %v", kind, name, got.Header)
			}
			var line struct{ Status int }
			if err := json.Unmarshal(log.Bytes(), &line); err != nil || line.Status != test.want {
				t.Errorf("%s, %s: the log line has status %d, %v, want %d: %s", kind, name, line.Status, err, test.want, &log)
			}
		}
	}
}
