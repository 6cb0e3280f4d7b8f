package lambdahttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/lambdahttp"
)

func TestAnswerHasTheShapeOfItsEvent(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Add("Vary", "Origin")
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, `{"url":"https://e/?a=1&b=<2>"}`)
	})
	const body = `{\"url\":\"https://e/?a=1&b=<2>\"}`
	tests := []struct {
		kind lambdahttp.Kind
		want string
	}{
		{lambdahttp.REST, `{"statusCode":201,"headers":{"Content-Type":"application/json"},"multiValueHeaders":{"Set-Cookie":["a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT","b=2"],"Vary":["Origin","Accept"]},"body":"` + body + `","isBase64Encoded":false}`},
		{lambdahttp.HTTPAPI, `{"statusCode":201,"headers":{"Content-Type":"application/json","Vary":"Origin, Accept"},"cookies":["a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT","b=2"],"body":"` + body + `","isBase64Encoded":false}`},
		{lambdahttp.FunctionURL, `{"statusCode":201,"headers":{"Content-Type":"application/json","Vary":"Origin, Accept"},"cookies":["a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT","b=2"],"body":"` + body + `","isBase64Encoded":false}`},
		{lambdahttp.ALB, `{"statusCode":201,"statusDescription":"201 Created","headers":{"Content-Type":"application/json","Set-Cookie":"a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT","Vary":"Origin, Accept"},"body":"` + body + `","isBase64Encoded":false}`},
		{lambdahttp.ALBMultiValue, `{"statusCode":201,"statusDescription":"201 Created","multiValueHeaders":{"Content-Type":["application/json"],"Set-Cookie":["a=1; Expires=Wed, 21 Oct 2026 07:48:00 GMT","b=2"],"Vary":["Origin","Accept"]},"body":"` + body + `","isBase64Encoded":false}`},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			h := lambdahttp.New(handler, lambdahttp.Options{})
			got, err := h.Invoke(context.Background(), newEvent(t, tt.kind, nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBinaryAnswerIsBase64(t *testing.T) {
	for _, kind := range kinds {
		want := "\x89PNG\r\n\xff\x00"
		got := serve(t, kind, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, want) })
		if string(got.Body) != want {
			t.Errorf("%s: body %q, want %q", kind, got.Body, want)
		}
	}
}

func TestFirstStatusWins(t *testing.T) {
	got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "x")
	})
	if got.Status != http.StatusServiceUnavailable {
		t.Errorf("status %d, want the first, 503", got.Status)
	}
}

func TestWrittenBodyIsStatus200(t *testing.T) {
	got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "a")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "b")
	})
	if got.Status != http.StatusOK || string(got.Body) != "ab" {
		t.Errorf("answer %d %q, want 200 %q", got.Status, got.Body, "ab")
	}
}

func TestHeadersAfterTheStatusDoNotGoOut(t *testing.T) {
	got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Early"] = []string{"early"}
		w.WriteHeader(http.StatusOK)
		w.Header()["X-Early"][0] = "late"
		w.Header().Add("X-Early", "late")
		w.Header().Set("X-Late", "late")
		io.WriteString(w, "x")
		w.Header().Set("X-Latest", "late")
	})
	want := http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Early": {"early"}}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestHandlerThatWritesNothingAnswers200(t *testing.T) {
	for _, kind := range kinds {
		got := serve(t, kind, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-A", "1") })
		if got.Status != http.StatusOK || len(got.Body) != 0 || got.Header.Get("X-A") != "1" {
			t.Errorf("%s: answer %d %v %q, want an empty 200 with its header", kind, got.Status, got.Header, got.Body)
		}
	}
}

func TestStatusWithoutBodyHasNone(t *testing.T) {
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified} {
		got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			if n, err := io.WriteString(w, "x"); n != 0 || err != http.ErrBodyNotAllowed {
				t.Errorf("Write after %d = %d, %v, want ErrBodyNotAllowed", status, n, err)
			}
		})
		if got.Status != status || len(got.Body) != 0 || len(got.Header) != 0 {
			t.Errorf("answer %d %v %q, want %d alone", got.Status, got.Header, got.Body, status)
		}
	}
}

func TestAnswerToHEADHasNoBody(t *testing.T) {
	for _, kind := range kinds {
		h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "\xff body")
		}), lambdahttp.Options{})
		got := invoke(t, h, kind, newEvent(t, kind, withMethod(kind, http.MethodHead)))
		if got.Status != http.StatusOK || len(got.Body) != 0 || got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: answer %d %v %q, want 200 with the type and no body", kind, got.Status, got.Header, got.Body)
		}
	}
}

func TestInformationalStatusIsNotTheAnswers(t *testing.T) {
	got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusAccepted)
	})
	if got.Status != http.StatusAccepted {
		t.Errorf("status %d, want 202", got.Status)
	}
}

func TestFlushFixesTheStatus(t *testing.T) {
	got := serve(t, lambdahttp.REST, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
		w.WriteHeader(http.StatusTeapot)
	})
	if got.Status != http.StatusOK {
		t.Errorf("status %d, want 200", got.Status)
	}
}

// A value must not begin a header of its own, wherever the gateway unfolds it.
func TestHeadersStayOnTheirLine(t *testing.T) {
	for _, kind := range kinds {
		got := serve(t, kind, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-A", " a\r\nX-B: b\n")
			w.Header()["X-C\r\nX-D"] = []string{"c"}
			w.Header()["X-E"] = nil
			w.WriteHeader(http.StatusOK)
		})
		want := http.Header{"X-A": {"a  X-B: b"}}
		if diff := cmp.Diff(want, got.Header); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", kind, diff)
		}
	}
}

func TestStatusDescriptionNamesEveryStatus(t *testing.T) {
	for _, status := range []int{200, 404, 503, 299} {
		h := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }), lambdahttp.Options{})
		out, err := h.Invoke(context.Background(), newEvent(t, lambdahttp.ALB, nil))
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ StatusDescription string }
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprint(status)
		if text := http.StatusText(status); text != "" {
			want += " " + text
		}
		if got.StatusDescription != want {
			t.Errorf("statusDescription %q, want %q", got.StatusDescription, want)
		}
	}
}
