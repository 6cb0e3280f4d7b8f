package lambdahttp_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/lambdahttp"
)

func TestLimitsAreThoseOfTheEventAndItsAnswer(t *testing.T) {
	const header = 64 << 10
	whole := lambdahttp.Limits{Body: 6 << 20, Answer: 6 << 20, Text: 6<<20 - header, Binary: (6<<20 - header) / 4 * 3}
	balanced := lambdahttp.Limits{Body: 1 << 20, Answer: 1_000_000, Text: 1_000_000 - header, Binary: (1_000_000 - header) / 4 * 3}
	streamed := lambdahttp.Limits{Body: 6 << 20, Answer: 6 << 20, Text: 200_000_000 - header, Binary: 200_000_000 - header}
	tests := map[lambdahttp.Kind]struct{ whole, streamed lambdahttp.Limits }{
		lambdahttp.REST:          {whole, streamed},
		lambdahttp.FunctionURL:   {whole, streamed},
		lambdahttp.HTTPAPI:       {whole, whole}, // it takes no stream
		lambdahttp.ALB:           {balanced, balanced},
		lambdahttp.ALBMultiValue: {balanced, balanced},
	}
	for _, kind := range kinds {
		var got lambdahttp.Limits
		h := lambdahttp.New(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = lambdahttp.LimitsFrom(r.Context())
		}), lambdahttp.Options{})
		if _, err := h.Invoke(t.Context(), newEvent(t, kind, nil)); err != nil || got != tests[kind].whole {
			t.Errorf("%s: limits %+v, %v, want %+v", kind, got, err, tests[kind].whole)
		}
		stream, err := h.Stream(t.Context(), newEvent(t, kind, nil))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, stream)
		if stream.Close(); err != nil || got != tests[kind].streamed {
			t.Errorf("%s: limits of a streaming function %+v, %v, want %+v", kind, got, err, tests[kind].streamed)
		}
	}
	if got := lambdahttp.LimitsFrom(t.Context()); got != whole {
		t.Errorf("limits without an event = %+v, want %+v", got, whole)
	}
}

// Until its handler returns, nothing of an answer has gone out.
func TestAnUnsentAnswerCanBeReplaced(t *testing.T) {
	for _, kind := range kinds {
		got := serve(t, kind, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-A", "1")
			w.WriteHeader(http.StatusAccepted)
			unsent := w.(lambdahttp.Unsent)
			if err := unsent.Fits(); err != nil {
				t.Errorf("%s: Fits of a short answer = %v", kind, err)
			}
			limit := lambdahttp.LimitsFrom(r.Context()).Answer
			if _, err := io.WriteString(w, strings.Repeat(`"`, limit/2)); err != nil {
				t.Errorf("%s: half of the limit: %v", kind, err)
			}
			if err := unsent.Fits(); !errors.Is(err, lambdahttp.AnswerTooLarge{Limit: limit}) {
				t.Errorf("%s: Fits of half of the limit, quoted = %v, want AnswerTooLarge", kind, err)
			}
			unsent.Reset()
			w.Header().Set("X-B", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
			io.WriteString(w, "{}")
			if err := unsent.Fits(); err != nil {
				t.Errorf("%s: Fits of the other answer = %v", kind, err)
			}
			io.WriteString(w, "\n")
		})
		if got.Status != 503 || string(got.Body) != "{}\n" || got.Header.Get("X-A") != "1" || got.Header.Get("X-B") != "2" {
			t.Errorf("%s: answer %d %v %q, want the other one", kind, got.Status, got.Header, got.Body)
		}
	}
}
