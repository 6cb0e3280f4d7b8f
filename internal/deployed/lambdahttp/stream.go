package lambdahttp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

// ErrBrokenOff is how a [Stream] ends whose answer is not whole.
var ErrBrokenOff error = brokenOff{}

// brokenOff has a name of its own because Lambda logs the name of the type.
type brokenOff struct{}

func (brokenOff) Error() string { return "the answer was broken off; the function's log has the cause" }

// A Stream is an answer on its way, in the form in which Lambda takes it. Whoever
// has it reads it to its end, which comes with the context's at the latest, and
// closes it.
type Stream struct {
	io.Reader
	contentType string
	end         func()
}

// ContentType tells Lambda which form the answer has.
func (s *Stream) ContentType() string { return s.contentType }

// Close ends the work on the answer and returns when the http.Handler has
// returned: nothing of an invocation runs on in the next one. It never fails.
func (s *Stream) Close() error {
	s.end()
	return nil
}

// MarshalJSON fails, which makes [lambda.Start] read the Stream.
//
// [lambda.Start]: https://pkg.go.dev/github.com/aws/aws-lambda-go/lambda#Start
func (s *Stream) MarshalJSON() ([]byte, error) { return nil, errors.New("a stream is not JSON") }

// The content types of answers: of one that is streamed, which a REST API with
// the response transfer mode STREAM and a Function URL with RESPONSE_STREAM take
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html),
// and of one that is not.
const (
	streamedType = "application/vnd.awslambda.http-integration-response"
	wholeType    = "application/json"
)

// streamBuffer is how many bytes of an answer are handed over at once.
const streamBuffer = 64 << 10

// Stream serves one event as Invoke does, but the answer goes out while it is
// made: [lambda.Start] takes this method. A REST API and a Function URL get it so
// and must be set to streaming; others, which cannot, get it whole.
//
// An answer that its handler breaks off, by a panic or because the context ends,
// ends in an error, so that the client sees that it is not whole. One of which
// nothing has gone out yet is a 500.
//
// [lambda.Start]: https://pkg.go.dev/github.com/aws/aws-lambda-go/lambda#Start
func (h *Handler) Stream(ctx context.Context, payload json.RawMessage) (*Stream, error) {
	event, err := parse(payload)
	if err == nil && event.kind != REST && event.kind != FunctionURL {
		whole, err := h.Invoke(ctx, payload)
		return done(wholeType, whole), err
	}
	limited, cancel := h.limit(ctx)
	var r *http.Request
	if err == nil {
		event.streamed = true
		r, err = event.request(limited, h.base)
	}
	if err != nil {
		cancel()
		return h.refuseStream(ctx, event, len(payload), err), nil
	}
	from, to := io.Pipe()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		h.stream(ctx, event.kind, r, to)
	}()
	return &Stream{from, streamedType, func() {
		cancel()
		_ = from.Close() // it never fails
		<-returned
	}}, nil
}

func (h *Handler) refuseStream(ctx context.Context, e *event, size int, cause error) *Stream {
	whole := h.refuse(ctx, e, size, cause)
	if e.kind != REST && e.kind != FunctionURL {
		return done(wholeType, whole)
	}
	refusal := problem(http.StatusBadRequest, cause.Error())
	return done(streamedType, append(prelude(e.kind, refusal), refusal.Body...))
}

// done is the stream of an answer that is there.
func done(contentType string, whole []byte) *Stream {
	return &Stream{bytes.NewReader(whole), contentType, func() {}}
}

// stream writes the answer to a request into to, and closes it. Nobody may read,
// so what is written has to end with the request's context, or with the
// invocation's if it begins only then: that is an answer that says why.
func (h *Handler) stream(ctx context.Context, kind Kind, r *http.Request, to *io.PipeWriter) {
	w := &streamed{
		kind:   kind,
		head:   r.Method == http.MethodHead,
		late:   func() bool { return r.Context().Err() != nil },
		header: http.Header{},
		to:     bufio.NewWriterSize(to, streamBuffer),
	}
	defer context.AfterFunc(ctx, func() { to.CloseWithError(ErrBrokenOff) })()
	defer context.AfterFunc(r.Context(), func() {
		if w.inTime.Load() {
			to.CloseWithError(ErrBrokenOff)
		}
	})()
	if !h.serve(w, r) {
		if w.status != 0 {
			to.CloseWithError(ErrBrokenOff)
			return
		}
		failure := problem(http.StatusInternalServerError, "Internal Server Error")
		w.header = failure.header
		w.WriteHeader(failure.Status)
		_, _ = io.WriteString(w, failure.Body) // if nobody reads, nobody can be told
	}
	if w.finish() != nil {
		to.CloseWithError(ErrBrokenOff)
		return
	}
	_ = to.Close() // it never fails
}

// streamed writes an answer as it comes, by the rules of net/http as response
// does.
type streamed struct {
	kind   Kind
	head   bool        // whether the request's method is HEAD
	late   func() bool // whether the request's context is over
	header http.Header
	status int         // 0 until it is written
	inTime atomic.Bool // whether it was written before the context was over
	to     *bufio.Writer
}

// Header returns the headers to send, until the status is written.
func (w *streamed) Header() http.Header { return w.header }

// WriteHeader writes status and headers. There is no room for 1xx ones before
// them, so they are dropped.
func (w *streamed) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %d", status))
	}
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	w.inTime.Store(!w.late())
	_, _ = w.to.Write(prelude(w.kind, answer{Status: status, header: w.header})) // the next write fails as well
}

// Write writes a part of the body.
func (w *streamed) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.status == http.StatusNoContent || w.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case w.head:
		return len(p), nil
	}
	return w.to.Write(p)
}

// FlushError sends what is written so far on its way.
func (w *streamed) FlushError() error {
	return w.finish()
}

func (w *streamed) finish() error {
	w.WriteHeader(http.StatusOK)
	return w.to.Flush()
}

// prelude is what comes before the body of a streamed answer: status and headers
// in JSON, and eight zero bytes.
func prelude(kind Kind, a answer) []byte {
	a.addHeader(kind)
	return append(toJSON(struct {
		Status            int                 `json:"statusCode"`
		Headers           map[string]string   `json:"headers,omitempty"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
		Cookies           []string            `json:"cookies,omitempty"`
	}{a.Status, a.Headers, a.MultiValueHeaders, a.Cookies}), make([]byte, 8)...)
}
