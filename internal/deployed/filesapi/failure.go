package filesapi

import (
	"context"
	"errors"
	"net/http"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/textfile"
	"uploadfiles/internal/deployed/upload"
)

// route makes a route of a handler whose errors are those of package files.
func route(method, path string, handle httpapi.Handler) httpapi.Route {
	return httpapi.Route{Method: method, Path: path, Handle: func(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
		err := translate(handle(w, r, call))
		if err == nil {
			return nil
		}
		w.Header().Del("Content-Disposition") // of the answer that is not
		if p, ok := errors.AsType[problem](err); ok && p.status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
			call.Summary.StoreFailed = true
		}
		return err
	}}
}

// problem is an error with its answer.
type problem struct {
	status int
	cause  error // for the log; nil where the detail says all

	Detail string       `json:"detail"`
	Text   string       `json:"error,omitempty"`  // as the detail, for clients of OpenHands
	Status upload.State `json:"status,omitempty"` // of a file that may not be handed out
	File   string       `json:"file,omitempty"`   // which is not shown: where it is, relative to the request's URL
}

func (p problem) Error() string {
	if p.cause != nil {
		return p.cause.Error()
	}
	return p.Detail
}

func (p problem) Unwrap() error { return p.cause }

// Answer implements [httpapi.Answerer].
func (p problem) Answer() (int, any) { return p.status, p }

// problems is the table from an error to an answer, first match first. What is
// not in it is an internal error.
var problems = []struct {
	err    error
	status int
	detail string
}{
	{upload.ErrNotFound, http.StatusNotFound, "There is no such file."},
	{files.ErrWithheld, http.StatusConflict, "The file may not be handed out."},
	{files.ErrTooLarge, http.StatusRequestEntityTooLarge, "The file is too large to be shown. Download it."},
	{textfile.ErrBinary, http.StatusUnsupportedMediaType, "Unable to open a binary file."},
	{textfile.ErrUnknown, http.StatusUnsupportedMediaType,
		"The text is not in UTF-8, and its bytes do not tell for certain what encoding it is in. Download the file and decode it, or send it again in UTF-8."},
	{files.ErrDamaged, http.StatusInternalServerError, "The file is damaged: its bytes are not those that were uploaded."},
	{upload.ErrUnavailable, http.StatusServiceUnavailable, "The files cannot be reached right now. Try again."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "The request took too long. Try again."},
	{context.Canceled, http.StatusServiceUnavailable, "The request was cancelled. Try again."},
}

// translate gives an error its answer.
func translate(err error) error {
	if _, ok := errors.AsType[httpapi.Answerer](err); ok || err == nil {
		return err
	}
	for _, row := range problems {
		if errors.Is(err, row.err) {
			return problem{status: row.status, cause: err, Detail: row.detail}
		}
	}
	return err
}

// withheld says that a file has not the required tag.
func withheld(state upload.State) error {
	detail := "The file is not released yet. Try again later."
	if state == upload.Blocked {
		detail = "The file did not pass the check and is not handed out."
	}
	return problem{status: http.StatusConflict, Detail: detail, Status: state}
}

// tooLarge says that an archive cannot go out.
type tooLarge struct {
	Detail   string `json:"detail"`
	MaxBytes int64  `json:"max_bytes"`
	Size     int64  `json:"size"`
	Fetch    string `json:"fetch"` // the script that downloads the files one by one, relative to the request's URL
}

func (e tooLarge) Error() string { return e.Detail }

// Answer implements [httpapi.Answerer].
func (e tooLarge) Answer() (int, any) { return http.StatusRequestEntityTooLarge, e }

// missingQuery says that a parameter of the query is missing, in the words of
// FastAPI.
type missingQuery string

func (e missingQuery) Error() string { return "the query has no " + string(e) }

// Answer implements [httpapi.Answerer].
func (e missingQuery) Answer() (int, any) {
	type field struct {
		Type  string  `json:"type"`
		Loc   []any   `json:"loc"`
		Msg   string  `json:"msg"`
		Input *string `json:"input"`
	}
	return http.StatusUnprocessableEntity, struct {
		Detail []field `json:"detail"`
	}{[]field{{Type: "missing", Loc: []any{"query", string(e)}, Msg: "Field required"}}}
}
