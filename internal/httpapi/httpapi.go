// Package httpapi serves the API over net/http: its routes, the JSON shapes of
// the contract, the one table from an error to a status, and one log line for
// each request.
package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"uploadfiles/internal/openapi"
	"uploadfiles/internal/upload"
)

// Keys decides whether a session key opens a conversation.
type Keys interface {
	// Check returns nil, or an error that is session.ErrDenied or
	// session.ErrUnavailable.
	Check(ctx context.Context, conversation, key string) error
}

// Uploads stores files.
type Uploads interface {
	Upload(ctx context.Context, c upload.Conversation, files []upload.File) ([]upload.Outcome, error)
}

// Options are what the API needs. Keys and Uploads are required.
type Options struct {
	Keys        Keys
	Uploads     Uploads
	MaxFiles    int          // in one request; zero means form's default
	Origins     []string     // of browser clients; "*" is any
	SkipObjects bool         // skipped_files holds objects with name and reason, not names
	Log         *slog.Logger // nil means no log
	// Metrics adds to the log line of a request; nil means nothing.
	Metrics func(Summary) []slog.Attr
}

// MaxBody is the largest body, in bytes after base64 decoding. Lambda takes
// events of 6 MB at most
// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), so
// a larger body comes only from a front end that is not Lambda.
const MaxBody = 6 << 20

// MaxAnswer is how many bytes the files may take in an answer. Lambda hands on
// 6 MB, headers included; a function whose answer is larger has failed for its
// client, whatever it has stored.
const MaxAnswer = 6<<20 - 64<<10

type api struct {
	Options
	routes []route
}

// idSegment stands in the path of a route for a conversation id, and makes the
// route one that needs the session key of that conversation.
const idSegment = "{id}"

// A route is a method and a path.
type route struct {
	method  string
	path    []string
	handler handler
}

// A handler answers a request or returns why not; the error has its row in the
// table of failure.go.
type handler func(w http.ResponseWriter, r *http.Request, call *call) error

// A call is what is known of a request on its way.
type call struct {
	conversation upload.Conversation
	summary      *Summary
}

// New makes the handler of the whole API.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = func(Summary) []slog.Attr { return nil }
	}
	a := &api{Options: o}
	a.handle(http.MethodPost, "/api/conversations/{id}/upload-files", a.uploadFiles)
	a.handle(http.MethodGet, "/openapi.json", a.openAPI)
	return a
}

func (a *api) handle(method, path string, h handler) {
	a.routes = append(a.routes, route{method, segments(path), h})
}

// segments splits a path that is decoded once. A trailing slash makes no
// difference: a redirect would make the client send its files twice.
func segments(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := &answer{ResponseWriter: w}
	summary := begin(r)
	a.cors(answer.Header(), r)
	header := answer.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	if summary.RequestID != "" {
		header.Set("X-Request-Id", summary.RequestID)
	}
	if err := a.survive(answer, r, summary); err != nil {
		summary.Cause = err
		fail(answer, r, err)
	}
	summary.Status = answer.status
	summary.Duration = time.Since(summary.start)
	summary.log(r.Context(), a.Log, a.Metrics(*summary))
}

// survive makes an error of a panic, so that it has an answer, a log line and
// metrics as other errors have. Its value stays out of them: it may hold what the
// client sent.
func (a *api) survive(w http.ResponseWriter, r *http.Request, summary *Summary) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T\n%s", p, debug.Stack())
		}
	}()
	return a.serve(w, r, summary)
}

func (a *api) serve(w http.ResponseWriter, r *http.Request, summary *Summary) error {
	found, id, allow := a.match(r.Method, r.URL.Path)
	if len(allow) == 0 {
		return errNotFound
	}
	summary.Route = "/" + strings.Join(found.path, "/")
	switch {
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		w.WriteHeader(http.StatusNoContent)
		return nil
	case found.handler == nil:
		w.Header().Set("Allow", strings.Join(allow, ", "))
		return errMethodNotAllowed
	}
	call := &call{summary: summary}
	if slices.Contains(found.path, idSegment) {
		if err := a.admit(r, id, call); err != nil {
			return err
		}
	}
	return found.handler(w, r, call)
}

// match finds the route for a path, and the methods that the path knows. The
// route has no handler where the method is not one of them.
func (a *api) match(method, path string) (found route, id string, allow []string) {
	parts := segments(path)
	for i := range a.routes {
		rt := &a.routes[i]
		value, ok := rt.matches(parts)
		if !ok {
			continue
		}
		found.path = rt.path
		allow = append(allow, rt.method)
		if rt.method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
		if rt.method == method || rt.method == http.MethodGet && method == http.MethodHead {
			found, id = *rt, value
		}
	}
	if len(allow) > 0 {
		allow = append(allow, http.MethodOptions)
	}
	return found, id, allow
}

func (rt *route) matches(parts []string) (id string, ok bool) {
	if len(parts) != len(rt.path) {
		return "", false
	}
	for i, want := range rt.path {
		switch {
		case want == idSegment && parts[i] != "":
			id = parts[i]
		case want != parts[i]:
			return "", false
		}
	}
	return id, true
}

// admit lets in who holds the session key of the conversation. It comes before
// a byte of the body is decoded: an uninvited request must cost nothing.
func (a *api) admit(r *http.Request, id string, call *call) error {
	keys := r.Header.Values("X-Session-API-Key")
	if len(keys) != 1 || keys[0] == "" {
		return errNoKey
	}
	conversation, err := upload.ParseConversation(id)
	if err != nil {
		return err
	}
	call.conversation = conversation
	call.summary.Conversation = conversation.String()
	return a.Keys.Check(r.Context(), conversation.String(), keys[0])
}

// answer remembers the status that went out.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// writeJSON sends v. An ampersand stays one, so that a person can copy a URL out
// of the answer.
func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	writeBody(w, r, status, body.Bytes())
	return nil
}

// writeBody sends JSON. A HEAD request gets the header alone.
func writeBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that is gone reads no error either
	}
}

// openAPI tells what the API is, to whoever asks.
func (a *api) openAPI(w http.ResponseWriter, r *http.Request, _ *call) error {
	writeBody(w, r, http.StatusOK, openapi.JSON())
	return nil
}
