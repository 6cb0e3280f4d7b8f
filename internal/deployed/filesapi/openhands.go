package filesapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/httpapi"
)

// The routes of this file are those with which OpenHands' own server shows the
// files of a conversation (openhands/server/routes/files.py), in its shapes.

// openHands is a route whose errors also stand in the field error, where clients
// of OpenHands look for them.
func openHands(path string, handle httpapi.Handler) httpapi.Route {
	return route(http.MethodGet, path, func(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
		err := translate(handle(w, r, call))
		if p, ok := errors.AsType[problem](err); ok {
			p.Text = p.Detail
			return p
		}
		return err
	})
}

// listFiles answers with the names alone of what is directly in a folder: first
// the folders, each with a slash at its end, then the files.
func (a API) listFiles(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	names, err := a.Files.Names(r.Context(), call.Conversation, r.URL.Query().Get("path"))
	if err != nil {
		return err
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, append([]string{}, names...)) // an array, also of none
}

// maxText is how many bytes of a text one answer holds. Written as JSON they can
// be six times as many, and all of it has to fit into an answer of Lambda.
const maxText = 1 << 20

// readTime bounds the reading of a text, which is answered as a whole.
const readTime = 20 * time.Second

// selectFile answers with the text of a file.
func (a API) selectFile(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	file := r.URL.Query().Get("file")
	if file == "" {
		return missingQuery("file")
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTime)
	defer cancel()
	f, text, err := a.Files.Read(ctx, call.Conversation, file, maxText)
	switch {
	case errors.Is(err, files.ErrTooLarge) && !files.IsText(f.ContentType):
		return binary
	case err != nil:
		return err
	case bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text):
		return binary
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		Code string `json:"code"`
	}{string(text)})
}

var binary = problem{status: http.StatusUnsupportedMediaType, Detail: "Unable to open a binary file."}
