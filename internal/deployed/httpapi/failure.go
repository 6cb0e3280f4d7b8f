package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"uploadfiles/internal/deployed/form"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/deployed/upload"
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
	{err: form.ErrOtherMultipart, status: http.StatusUnsupportedMediaType,
		detail: "The request is not multipart/form-data. Send the files in a form of that type, each in a part named files."},
	{err: form.ErrNested, status: http.StatusUnsupportedMediaType,
		detail: "The form has its files inside of one part of type multipart/mixed. Send each file in a part of its own (with Vert.x: multipartMixed(false))."},
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

// Message is the body of most answers that are no success.
type Message struct {
	Detail  string `json:"detail"`
	Message string `json:"message,omitempty"` // the same, where clients of Companion look for it
}

// fail answers a request with what its client may know of err.
func fail(w http.ResponseWriter, r *http.Request, companion bool, err error) {
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
	body := Message{Detail: f.detail}
	if body.Detail == "" {
		body.Detail = f.err.Error()
	}
	if companion {
		body.Message = body.Detail
	}
	_ = WriteJSON(w, r, f.status, body)
}
