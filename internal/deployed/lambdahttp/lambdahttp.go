// Package lambdahttp serves the HTTP events of Lambda with an http.Handler: a
// REST API's, an HTTP API's, a Function URL's and a load balancer's.
//
// The event becomes an http.Request by github.com/awslabs/aws-lambda-go-api-proxy,
// and the answer goes back by its response writer. That adapter pastes paths
// into a URL, reads its host from the environment, prints what it cannot
// convert, copies the body three times, lets the last status win and calls an
// empty answer an error. So it gets a normalised event, whose conversion cannot
// fail, and no body; the body goes past it, and a writer with the rules of
// net/http stands in front of its own.
package lambdahttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// defaultReserve is long enough to encode an answer and to post it to Lambda.
const defaultReserve = 500 * time.Millisecond

// Options change how events are served. The zero value works.
type Options struct {
	// BasePath is what stands before the paths that the handler knows, such as
	// the base path of a custom domain. It is taken off on whole segments only;
	// a path without it stays as it is. Empty means none.
	BasePath string

	// Reserve is how long before Lambda's deadline the request's context ends,
	// so that an answer still goes out. Zero means 500 ms.
	Reserve time.Duration

	// Logger gets a line for each event that is refused and for each panic.
	// Nil means no log.
	Logger *slog.Logger
}

// Handler serves events with an http.Handler. It implements lambda.Handler of
// github.com/aws/aws-lambda-go, and may be used by many goroutines at once.
type Handler struct {
	next    http.Handler
	base    string
	reserve time.Duration
	log     *slog.Logger
}

// New makes a Handler that serves events with h. Once h has returned, nothing
// may use the request or its body any more.
//
// New takes GO_API_HOST out of the environment: the adapter would put it in
// front of each path.
func New(h http.Handler, o Options) *Handler {
	_ = os.Unsetenv(core.CustomHostVariable) // it fails for no name that is one
	if o.Reserve == 0 {
		o.Reserve = defaultReserve
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{next: h, base: cleanBase(o.BasePath), reserve: o.Reserve, log: o.Logger}
}

// Invoke serves one event and returns the answer in the shape that the sender
// of the event expects. What cannot be served is answered in JSON: 400 for an
// event that is not an HTTP request, 413 for an answer of more than its [Limits],
// which would not be handed on, 500 for a panic. The error is always nil,
// since a function error would reach the client as a 502 without words.
//
// Invoke may overwrite payload, and the request's body lies in it: the caller
// must neither read nor change payload before Invoke has returned. The answer
// holds nothing of it.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	ctx, cancel := h.limit(ctx)
	defer cancel()
	event, err := parse(payload)
	if err != nil {
		return h.refuse(ctx, event, len(payload), err), nil
	}
	r, err := event.request(ctx, h.base)
	if err != nil {
		return h.refuse(ctx, event, len(payload), err), nil
	}
	w := newResponse(event.kind, r)
	if !h.serve(w, r) && !w.isOver() {
		return encode(event.kind, problem(http.StatusInternalServerError, "Internal Server Error")), nil
	}
	answer, err := w.encode()
	if err != nil {
		return encode(event.kind, problem(http.StatusRequestEntityTooLarge, err.Error())), nil
	}
	return answer, nil
}

// limit ends a context early enough for an answer to go out.
func (h *Handler) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-h.reserve))
}

// serve reports whether the handler returned. A panic must not reach Lambda's
// loop, which would end the process and with it all that is warm. As for
// net/http, that of [http.ErrAbortHandler] breaks off an answer and is no news.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (returned bool) {
	defer func() {
		if returned {
			return
		}
		value := recover()
		if err, ok := value.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			h.logPanic(r.Context(), value)
		}
	}()
	h.next.ServeHTTP(w, r)
	return true
}

// logPanic leaves the panic's value out, which may hold what the client sent,
// unless it is the runtime's own.
func (h *Handler) logPanic(ctx context.Context, value any) {
	cause := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		cause = err.Error()
	}
	info, _ := InfoFrom(ctx)
	h.log.ErrorContext(ctx, "the handler panicked",
		"cause", cause,
		"request_id", info.RequestID,
		"lambda_request_id", info.LambdaRequestID,
		"stack", string(debug.Stack()))
}

func (h *Handler) refuse(ctx context.Context, e *event, size int, cause error) []byte {
	h.log.WarnContext(ctx, "event refused",
		"cause", cause.Error(),
		"kind", string(e.kind),
		"bytes", size,
		"lambda_request_id", lambdaRequestID(ctx))
	return encode(e.kind, problem(http.StatusBadRequest, cause.Error()))
}

// Info is what is known of a request besides the request itself. A field that
// the sender of the event does not fill is empty.
type Info struct {
	Kind            Kind
	RequestID       string // the gateway's; a load balancer has none
	LambdaRequestID string // the invocation's
	SourceIP        string // the client's address as the gateway saw it
	Stage           string // "$default" where the API has no named stage
	Path            string // of the URL that the client asked for, escaped, with what the request's own lacks: a stage, a base path
	TraceID         string // the X-Ray trace header
}

type infoKey struct{}

// InfoFrom returns what is known of the request whose context is ctx. It
// reports false where the request came from no event.
func InfoFrom(ctx context.Context) (Info, bool) {
	info, ok := ctx.Value(infoKey{}).(Info)
	return info, ok
}

func lambdaRequestID(ctx context.Context) string {
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok {
		return ""
	}
	return lc.AwsRequestID
}
