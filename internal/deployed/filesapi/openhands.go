package filesapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/textfile"
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

const (
	// maxText is how many bytes a text has at most, in UTF-8, as it is sent.
	maxText = 1 << 20
	// maxTextFile is how many the file of such a text can have, in UTF-32.
	maxTextFile = 4 * maxText
)

// readTime bounds the reading of a text, which is answered as a whole.
const readTime = 20 * time.Second

// shown is the answer with a text. OpenHands' has no encoding.
type shown struct {
	Code     string `json:"code"`
	Encoding string `json:"encoding"` // of the file; the code is in UTF-8
}

// selectFile answers with the text of a file.
func (a API) selectFile(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	file := r.URL.Query().Get("file")
	if file == "" {
		return missingQuery("file")
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTime)
	defer cancel()
	f, data, err := a.Files.Read(ctx, call.Conversation, file, maxTextFile)
	if errors.Is(err, files.ErrTooLarge) && !files.IsText(f.ContentType) {
		err = textfile.ErrBinary
	}
	if err != nil {
		return notShown(r, f, err)
	}
	text, err := textfile.Decode(data)
	if err != nil {
		return notShown(r, f, err)
	}
	answer := shown{Code: text.String, Encoding: text.Encoding}
	if len(text.String) > maxText || !goesOut(answer, lambdahttp.LimitsFrom(r.Context()).Text) {
		return notShown(r, f, files.ErrTooLarge)
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, answer)
}

// goesOut reports whether an answer fits into so many bytes of one of Lambda. There
// its JSON is a string of JSON, so that what had to be escaped, such as a quotation
// mark, is escaped twice.
func goesOut(answer shown, limit int) bool {
	body, err := httpapi.JSON(answer)
	if err != nil {
		return false
	}
	sent, err := httpapi.JSON(string(body))
	return err == nil && len(sent) <= limit
}

// notShown adds to an error of a file whose text is not shown where the file is.
func notShown(r *http.Request, f files.File, err error) error {
	p, ok := errors.AsType[problem](translate(err))
	if !ok || f.Name == "" {
		return err
	}
	p.File = beside(r, "files/"+url.PathEscape(f.Name))
	return p
}
