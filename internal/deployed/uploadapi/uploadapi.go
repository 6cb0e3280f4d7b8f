// Package uploadapi serves the two ways to send files over HTTP, in one form and
// straight to S3: the routes of the upload function and their JSON shapes.
package uploadapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"uploadfiles/internal/deployed/form"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/upload"
)

// Uploads stores files.
type Uploads interface {
	Upload(ctx context.Context, c upload.Conversation, files []upload.File) ([]upload.Outcome, error)
}

// UploadFiles is the operation of the contract. Uploads is required.
type UploadFiles struct {
	Uploads     Uploads
	MaxFiles    int  // in one request; zero means form's default
	SkipObjects bool // skipped_files holds objects with name and reason, not names
	// Direct says where a request that is too large for this lane goes instead;
	// nil means nowhere.
	Direct *DirectLane
}

// Route is where the operation is served.
func (u UploadFiles) Route() httpapi.Route {
	return httpapi.Route{Method: http.MethodPost, Path: "/api/conversations/{id}/upload-files", Handle: u.handle}
}

func (u UploadFiles) handle(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	files, err := u.readFiles(r)
	if _, ok := errors.AsType[encoded](err); ok {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 15.5.16
	}
	if large, ok := errors.AsType[tooLarge](err); ok {
		large.direct = u.Direct.seenFrom(r.URL.EscapedPath())
		return large
	}
	if err != nil {
		return err
	}
	outcomes, err := u.Uploads.Upload(r.Context(), call.Conversation, files)
	if err != nil {
		call.Summary.StoreFailed = true
		return err
	}
	call.Summary.Add(outcomes)
	if httpapi.Accepts(w, r, table) {
		httpapi.WriteText(w, r, table, receipts(outcomes))
		return nil
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, u.result(outcomes))
}

// readFiles takes the files out of the form. What cannot be a form is refused
// before its body is decoded.
func (u UploadFiles) readFiles(r *http.Request) ([]upload.File, error) {
	media, err := form.ParseMedia(r.Header.Get("Content-Type"))
	if errors.Is(err, form.ErrNotForm) && !errors.Is(err, form.ErrOtherMultipart) {
		return nil, noFiles
	}
	if err != nil {
		return nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	parts, err := form.Parse(body, media, form.Limits{Files: u.MaxFiles})
	coding := r.Header.Get("Content-Encoding")
	switch {
	case errors.Is(err, form.ErrMalformed) && coding != "" && !strings.EqualFold(coding, "identity"):
		return nil, encoded(coding)
	case errors.Is(err, form.ErrTooManyFiles):
		return nil, tooMany{"files", cmp.Or(u.MaxFiles, form.DefaultFiles)}
	case errors.Is(err, form.ErrTooManyFields):
		return nil, tooMany{"fields", form.DefaultFields}
	case err != nil:
		return nil, err
	}
	// In an answer a byte can take seven.
	return filesOf(parts, lambdahttp.LimitsFrom(r.Context()).Text/12)
}

// filesOf picks the field that the operation is about. Of others, relativePath
// counts, by which Uppy says where the one file of its form lies. Of texts in place
// of files, so many bytes are echoed to their sender.
func filesOf(parts []form.Part, echo int) ([]upload.File, error) {
	var files []upload.File
	var texts []invalidField
	var relativePath string
	for _, p := range parts {
		switch {
		case p.Name == "relativePath" && !p.IsFile:
			relativePath = p.Text()
		case p.Name != "files":
		case p.IsNested():
			return nil, form.ErrNested
		case !p.IsFile:
			text := p.Text()
			text = text[:min(len(text), echo)]
			echo -= len(text)
			texts = append(texts, notFile(len(files)+len(texts), text))
		default:
			files = append(files, upload.File{Name: p.Filename, ContentType: p.ContentType, Data: p.Body})
		}
	}
	switch {
	case len(texts) > 0:
		return nil, invalid{fields: texts}
	case len(files) == 0:
		return nil, elsewhere(parts)
	case len(files) == 1:
		files[0].Name = pathOf(files[0].Name, relativePath)
	}
	return files, nil
}

// elsewhere says that there are no files, and where there are some.
func elsewhere(parts []form.Part) invalid {
	i := slices.IndexFunc(parts, func(p form.Part) bool { return p.IsFile })
	if i < 0 {
		return noFiles
	}
	told := noFiles
	told.hint = fmt.Sprintf(
		"The form has a file in the field %.100q, and none in the field \"files\". Name the field of each file \"files\".", parts[i].Name)
	return told
}

// payload is a body that is in memory already, perhaps still encoded.
type payload interface {
	Len() int
	Bytes() ([]byte, error)
}

// readBody returns the body without a copy where the request has it in memory. One
// that is over the limit comes only from a front end that is not AWS's.
func readBody(r *http.Request) ([]byte, error) {
	limit := lambdahttp.LimitsFrom(r.Context()).Body
	p, ok := r.Body.(payload)
	if !ok {
		return readStream(r, limit)
	}
	if p.Len() > limit {
		return nil, tooLarge{limit: limit, size: int64(p.Len())}
	}
	return p.Bytes()
}

func readStream(r *http.Request, limit int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return nil, err
	}
	if len(body) > limit {
		return nil, tooLarge{limit: limit, size: max(r.ContentLength, int64(len(body)))}
	}
	return body, nil
}

// uploadResult is the answer to an upload. Clients of the reference read
// file_urls and skipped_files; OpenHands' web client reads uploaded_files.
type uploadResult struct {
	FileURLs      []string  `json:"file_urls"`
	SkippedFiles  []any     `json:"skipped_files"`
	UploadedFiles []string  `json:"uploaded_files"`
	Files         []file    `json:"files"`
	Skipped       []skipped `json:"skipped"`
}

type file struct {
	Name        string       `json:"name"`
	Key         string       `json:"key"`
	URL         string       `json:"url"` // empty while the file may not be fetched
	Size        int64        `json:"size"`
	ContentType string       `json:"content_type"`
	SHA256      string       `json:"sha256"` // empty where it is not known
	ExpiresAt   time.Time    `json:"expires_at"`
	Status      upload.State `json:"status,omitempty"` // only where it is not ready
}

type skipped struct {
	Name   string      `json:"name"`
	Code   upload.Code `json:"code"`
	Reason string      `json:"reason"`
}

func (u UploadFiles) result(outcomes []upload.Outcome) uploadResult {
	// Clients expect arrays, never null.
	result := uploadResult{[]string{}, []any{}, []string{}, []file{}, []skipped{}}
	for _, o := range outcomes {
		if s := o.Skip; s != nil {
			result.Skipped = append(result.Skipped, skipped{s.Name, s.Code, s.Reason})
			result.SkippedFiles = append(result.SkippedFiles, u.skippedFile(s))
			continue
		}
		f := fileOf(o.Receipt)
		result.UploadedFiles = append(result.UploadedFiles, f.Name)
		result.Files = append(result.Files, f)
		if f.URL != "" {
			result.FileURLs = append(result.FileURLs, f.URL)
		}
	}
	return result
}

func fileOf(r *upload.Receipt) file {
	f := file{
		Name:        r.Name,
		Key:         r.Key,
		Size:        r.Size,
		ContentType: r.ContentType,
		ExpiresAt:   r.Link.Expires,
	}
	if r.SHA256 != [32]byte{} {
		f.SHA256 = hex.EncodeToString(r.SHA256[:])
	}
	if r.State == upload.Ready {
		f.URL = r.Link.URL
	} else {
		f.Status = r.State
	}
	return f
}

// skippedFile is one element of skipped_files: its name, as the contract says,
// or the object that OpenHands' own web client reads.
func (u UploadFiles) skippedFile(s *upload.Skip) any {
	if !u.SkipObjects {
		return s.Name
	}
	return struct {
		Name   string `json:"name"`
		Reason string `json:"reason"`
	}{s.Name, s.Reason}
}
