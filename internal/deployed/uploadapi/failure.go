package uploadapi

import (
	"fmt"
	"net/http"

	"uploadfiles/internal/deployed/httpapi"
)

// tooMany says that a form has more parts of a kind than the limit.
type tooMany struct {
	what  string
	limit int
}

func (e tooMany) Error() string {
	return fmt.Sprintf("Too many %s. Maximum number of %s is %d.", e.what, e.what, e.limit)
}

// Answer implements [httpapi.Answerer].
func (e tooMany) Answer() (int, any) {
	return http.StatusBadRequest, httpapi.Message{Detail: e.Error()}
}

// tooLarge says that a body has more bytes than are taken, and where to go on.
type tooLarge struct {
	limit  int
	size   int64
	direct *DirectLane
}

func (e tooLarge) Error() string {
	return fmt.Sprintf("The request body has %d bytes; at most %d are accepted.", e.size, e.limit)
}

// Answer implements [httpapi.Answerer].
func (e tooLarge) Answer() (int, any) {
	return http.StatusRequestEntityTooLarge, struct {
		httpapi.Message
		MaxBytes int         `json:"max_bytes"`
		Size     int64       `json:"size"`
		Direct   *DirectLane `json:"direct,omitempty"`
	}{httpapi.Message{Detail: e.Error()}, e.limit, e.size, e.direct}
}

// encoded says that a body is compressed, by the name of the coding.
type encoded string

func (e encoded) Error() string {
	return fmt.Sprintf("The request body is compressed (Content-Encoding: %.20s). Send it as it is.", string(e))
}

// Answer implements [httpapi.Answerer].
func (e encoded) Answer() (int, any) {
	return http.StatusUnsupportedMediaType, httpapi.Message{Detail: e.Error()}
}

// invalid says which fields of a form are not what the operation takes, in the
// words of FastAPI, and perhaps what to try, in others.
type invalid struct {
	fields []invalidField
	hint   string
}

type invalidField struct {
	Type  string         `json:"type"`
	Loc   []any          `json:"loc"`
	Msg   string         `json:"msg"`
	Input *string        `json:"input"`
	Ctx   map[string]any `json:"ctx,omitempty"`
}

var noFiles = invalid{fields: []invalidField{{Type: "missing", Loc: []any{"body", "files"}, Msg: "Field required"}}}

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

// Answer implements [httpapi.Answerer].
func (e invalid) Answer() (int, any) {
	return http.StatusUnprocessableEntity, struct {
		Detail []invalidField `json:"detail"`
		Hint   string         `json:"hint,omitempty"`
	}{e.fields, e.hint}
}
