package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"uploadfiles/internal/form"
	"uploadfiles/internal/lambdahttp"
	"uploadfiles/internal/session"
	"uploadfiles/internal/upload"
)

var (
	errNotFound         = errors.New("no such route")
	errMethodNotAllowed = errors.New("the route has no such method")
	errNoKey            = errors.New("not exactly one session key")
)

// A failure is what the client is told of an error.
type failure struct {
	err        error
	status     int
	detail     string // empty means the text of err, which is written for clients
	retryAfter string // seconds; empty means no such header
}

// failures is the one table from an error to an answer, first match first. What
// is not in it is an internal error: its text is for the log alone.
var failures = []failure{
	{err: errNotFound, status: http.StatusNotFound, detail: "Not Found"},
	{err: errMethodNotAllowed, status: http.StatusMethodNotAllowed, detail: "Method Not Allowed"},
	{err: errNoKey, status: http.StatusUnauthorized, detail: "Unauthorized"},
	{err: session.ErrDenied, status: http.StatusUnauthorized, detail: "Unauthorized"},
	{err: session.ErrUnavailable, status: http.StatusServiceUnavailable,
		detail: "The session key cannot be checked right now. Try again.", retryAfter: "5"},
	{err: upload.ErrConversationLong, status: http.StatusBadRequest},
	{err: upload.ErrConversationChar, status: http.StatusBadRequest},
	{err: upload.ErrConversationPath, status: http.StatusBadRequest},
	{err: upload.ErrConversationControl, status: http.StatusBadRequest},
	{err: lambdahttp.ErrBase64, status: http.StatusBadRequest, detail: "There was an error parsing the body"},
	{err: lambdahttp.ErrNotBinary, status: http.StatusInternalServerError,
		detail: "The API in front of this function turns binary bodies into text. Its binary media types must include multipart/form-data."},
	{err: form.ErrNoBoundary, status: http.StatusBadRequest, detail: "Missing boundary in multipart."},
	{err: form.ErrNoName, status: http.StatusBadRequest,
		detail: `The Content-Disposition header field "name" must be provided.`},
	{err: form.ErrFieldTooLarge, status: http.StatusBadRequest, detail: "Part exceeded maximum size of 1024KB."},
	{err: form.ErrMalformed, status: http.StatusBadRequest, detail: "There was an error parsing the body"},
	{err: upload.ErrAnswerTooLarge, status: http.StatusRequestEntityTooLarge,
		detail: "The answer to so many files would be too large. Send fewer in one request."},
	{err: upload.ErrUnavailable, status: http.StatusServiceUnavailable,
		detail: "The files cannot be stored right now. Try again; nothing is stored twice.", retryAfter: "5"},
	{err: context.DeadlineExceeded, status: http.StatusServiceUnavailable,
		detail: "The request took too long. Try again; nothing is stored twice.", retryAfter: "5"},
	{err: context.Canceled, status: http.StatusServiceUnavailable,
		detail: "The request was cancelled. Try again; nothing is stored twice.", retryAfter: "5"},
}

// An Answerer is an error that has more to say than a row of the table can, or
// that only one package knows. Its body is sent as JSON and has the field detail.
type Answerer interface {
	error
	Answer() (status int, body any)
}

// message is the body of most answers that are no success.
type message struct {
	Detail  string `json:"detail"`
	Message string `json:"message,omitempty"` // the same, where clients of Companion look for it
}

// fail answers a request to a route with what its client may know of err.
func fail(w http.ResponseWriter, r *http.Request, route string, err error) {
	f := failure{status: http.StatusInternalServerError, detail: "Internal Server Error"}
	if a, ok := errors.AsType[Answerer](err); ok {
		status, body := a.Answer()
		_ = WriteJSON(w, r, status, body) // these bodies always encode
		return
	}
	if i := slices.IndexFunc(failures, func(f failure) bool { return errors.Is(err, f.err) }); i >= 0 {
		f = failures[i]
	}
	if f.retryAfter != "" {
		w.Header().Set("Retry-After", f.retryAfter)
	}
	body := message{Detail: f.detail}
	if body.Detail == "" {
		body.Detail = f.err.Error()
	}
	if strings.HasPrefix(route, directPath) {
		body.Message = body.Detail
	}
	_ = WriteJSON(w, r, f.status, body)
}

// tooMany says that a form has more parts of a kind than the limit.
type tooMany struct {
	what  string
	limit int
}

func (e tooMany) Error() string {
	return fmt.Sprintf("Too many %s. Maximum number of %s is %d.", e.what, e.what, e.limit)
}

// Answer implements [Answerer].
func (e tooMany) Answer() (int, any) { return http.StatusBadRequest, message{Detail: e.Error()} }

// tooLarge says that a body has more than [MaxBody] bytes, and where to go on.
type tooLarge struct {
	size   int64
	direct *DirectLane
}

func (e tooLarge) Error() string {
	return fmt.Sprintf("The request body has %d bytes; at most %d are accepted.", e.size, MaxBody)
}

// Answer implements [Answerer].
func (e tooLarge) Answer() (int, any) {
	return http.StatusRequestEntityTooLarge, struct {
		message
		MaxBytes int64       `json:"max_bytes"`
		Size     int64       `json:"size"`
		Direct   *DirectLane `json:"direct,omitempty"`
	}{message{Detail: e.Error()}, MaxBody, e.size, e.direct}
}

// invalid says which fields of a form are not what the operation takes, in the
// words of FastAPI.
type invalid []invalidField

type invalidField struct {
	Type  string         `json:"type"`
	Loc   []any          `json:"loc"`
	Msg   string         `json:"msg"`
	Input *string        `json:"input"`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

var noFiles = invalid{{Type: "missing", Loc: []any{"body", "files"}, Msg: "Field required"}}

// maxEcho is how many bytes of a text go back to its sender. In an answer a byte
// can take seven, and Lambda drops an answer of more than 6 MB.
const maxEcho = 512 << 10

// notFile says that the value at this place of files is a text.
func notFile(place int, text string) invalidField {
	return invalidField{
		Type:  "value_error",
		Loc:   []any{"body", "files", place},
		Msg:   "Value error, Expected UploadFile, received: <class 'str'>",
		Input: &text,
		Ctx:   map[string]any{"error": struct{}{}},
	}
}

func (invalid) Error() string { return "the form has not the files that the operation takes" }

// Answer implements [Answerer].
func (e invalid) Answer() (int, any) {
	return http.StatusUnprocessableEntity, struct {
		Detail []invalidField `json:"detail"`
	}{e}
}
