// Package filesapi serves the files of a conversation over HTTP: the routes of
// the files function and their JSON shapes.
package filesapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/upload"
)

// API is what the routes need. Files is required.
type API struct {
	Files *files.Files
	// MaxZip is how many bytes of an archive can go out, by the request's context.
	// Nil means no limit.
	MaxZip func(ctx context.Context) int64
}

const base = "/api/conversations/{id}"

// Routes are where the files are served.
func (a API) Routes() []httpapi.Route {
	return []httpapi.Route{
		route(http.MethodGet, base+"/files", a.list),
		route(http.MethodGet, base+"/files/{path+}", a.file),
		route(http.MethodDelete, base+"/files/{path+}", a.delete),
		route(http.MethodGet, base+"/zip", a.zip),
		route(http.MethodGet, base+"/manifest", a.manifest),
		route(http.MethodGet, base+"/fetch.sh", a.script),
		route(http.MethodGet, base+"/put.sh", a.put),
		openHands(base+"/list-files", a.listFiles),
		openHands(base+"/select-file", a.selectFile),
	}
}

// file is a file in an answer.
type file struct {
	Name        string       `json:"name"`
	Key         string       `json:"key"`
	Size        int64        `json:"size"`
	ContentType string       `json:"content_type"`
	SHA256      string       `json:"sha256"` // empty where nobody knows it
	Modified    time.Time    `json:"modified"`
	URL         string       `json:"url"` // empty while the file may not be fetched
	ExpiresAt   time.Time    `json:"expires_at"`
	Status      upload.State `json:"status,omitempty"` // only where it is not ready
}

func fileOf(f files.File) file {
	out := file{
		Name:        f.Name,
		Key:         f.Key,
		Size:        f.Size,
		ContentType: f.ContentType,
		Modified:    f.Modified.UTC().Truncate(time.Second),
		ExpiresAt:   f.Link.Expires,
	}
	if f.Hashed {
		out.SHA256 = hex.EncodeToString(f.SHA256[:])
	}
	if f.State == upload.Ready {
		out.URL = f.Link.URL
	} else {
		out.Status = f.State
	}
	return out
}

// defaultPage is how many files a page has where the client does not say.
const defaultPage = 100

// list answers with a page of the files: of all, or of what is in one folder.
func (a API) list(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	query := r.URL.Query()
	for _, name := range []string{"limit", "cursor", "folder"} {
		if len(query[name]) > 1 {
			return problem{status: http.StatusBadRequest, Detail: name + " is there more than once."}
		}
	}
	limit, err := parseLimit(query.Get("limit"))
	if err != nil {
		return err
	}
	after, err := parseCursor(query.Get("cursor"))
	if err != nil {
		return err
	}
	if query.Has("folder") {
		listing, err := a.Files.Folder(r.Context(), call.Conversation, query.Get("folder"), after, limit)
		if err != nil {
			return err
		}
		page := pageOf(listing.Files, listing.Next)
		page.Folders = append([]string{}, listing.Folders...) // an array, also of none
		return httpapi.WriteJSON(w, r, http.StatusOK, page)
	}
	found, next, err := a.Files.List(r.Context(), call.Conversation, after, limit)
	if err != nil {
		return err
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, pageOf(found, next))
}

// page is a part of a list.
type page struct {
	Files   []file   `json:"files"`
	Folders []string `json:"folders,omitzero"` // of the list of a folder
	Next    *string  `json:"next"`
}

func pageOf(found []files.File, next string) page {
	p := page{Files: make([]file, len(found))}
	for i, f := range found {
		p.Files[i] = fileOf(f)
	}
	if next != "" {
		cursor := cursorOf(next)
		p.Next = &cursor
	}
	return p
}

func parseLimit(text string) (int, error) {
	if text == "" {
		return defaultPage, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > files.MaxPage {
		return 0, problem{status: http.StatusBadRequest, Detail: fmt.Sprintf("limit must be a whole number from 1 to %d.", files.MaxPage)}
	}
	return limit, nil
}

// A cursor is the name of the file or the folder after which a page begins,
// encoded so that nobody takes it for more than that. It does not end.
func cursorOf(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func parseCursor(cursor string) (after string, err error) {
	name, err := base64.RawURLEncoding.DecodeString(cursor)
	isName := filename.Is("", strings.TrimSuffix(string(name), "/")) // in the folder of its conversation or not
	if err != nil || cursor != "" && !isName {
		return "", problem{status: http.StatusBadRequest, Detail: "cursor must be the value of next in an earlier answer."}
	}
	return string(name), nil
}

// file sends the client on to the file: a URL for which another ends. A HEAD,
// for which no such URL is good, is answered here, and so is who wants the URL in JSON.
func (a API) file(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	asJSON, err := wantsJSON(r)
	if err != nil {
		return err
	}
	f, err := a.Files.Find(r.Context(), call.Conversation, call.Param("path"))
	switch {
	case err != nil:
		return err
	case asJSON:
		vary(w, r)
		return httpapi.WriteJSON(w, r, http.StatusOK, fileOf(f))
	case f.State != upload.Ready:
		return withheld(f.State)
	case r.Method != http.MethodHead:
		vary(w, r)
		w.Header().Set("Location", f.Link.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	header := w.Header()
	header.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	header.Set("Content-Type", f.ContentType)
	header.Set("Content-Disposition", filename.Attachment(f.Name))
	header.Set("ETag", f.ETag)
	header.Set("Last-Modified", f.Modified.UTC().Format(http.TimeFormat))
	if f.Verified { // RFC 9530; what is only declared is in the list
		header.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(f.SHA256[:])+":")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a API) delete(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	if err := a.Files.Delete(r.Context(), call.Conversation, call.Param("path")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// zip streams an archive of all files. One that could not go out whole is
// refused before it begins.
func (a API) zip(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	archive, err := a.Files.Archive(r.Context(), call.Conversation)
	if err != nil {
		return err
	}
	if err := a.refuseZip(r, archive.MaxSize()); err != nil {
		return err
	}
	begin(w, "application/zip", call.Conversation.String()+".zip")
	if r.Method == http.MethodHead {
		return nil
	}
	missing, err := archive.WriteTo(r.Context(), w)
	for _, m := range missing {
		if m.Err != nil {
			call.Summary.FileFailed(m.Err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return problem{status: http.StatusServiceUnavailable, cause: err,
			Detail: "The request took too long. Try again, or let the script fetch.sh download the files one by one."}
	}
	return err
}

func (a API) refuseZip(r *http.Request, size int64) error {
	if a.MaxZip == nil || size <= a.MaxZip(r.Context()) {
		return nil
	}
	most := a.MaxZip(r.Context())
	return tooLarge{
		Detail: fmt.Sprintf("The archive would have about %d bytes; at most %d can be sent. "+
			"The script at fetch downloads the files one by one.", size, most),
		MaxBytes: most,
		Size:     size,
		Fetch:    beside(r, "fetch.sh"),
	}
}

// beside is a reference to what lies beside a route, relative to the URL of the
// request. That may end in a slash, below which a client would look.
func beside(r *http.Request, name string) string {
	if strings.HasSuffix(r.URL.EscapedPath(), "/") {
		return "../" + name
	}
	return name
}

// begin sets the headers of an answer that is to be saved.
func begin(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", filename.Attachment(name))
}

// manifest is a list of all files for programs: one line for each, in a stable
// order and form.
func (a API) manifest(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	begin(w, "application/json", "manifest.json")
	if r.Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriter(w) // until it is full, an error has an answer of its own
	_, _ = fmt.Fprintf(out, "{\"conversation\":\"%s\",\"files\":[", call.Conversation)
	end := "\n"
	err := a.Files.Each(r.Context(), call.Conversation, func(f files.File) error {
		line, err := httpapi.JSON(fileOf(f))
		if err != nil {
			return err
		}
		_, _ = out.WriteString(end)
		end = ",\n"
		_, err = out.Write(line)
		return err
	})
	if err != nil {
		return err
	}
	_, _ = out.WriteString("\n]}\n")
	return out.Flush()
}

// script is a POSIX shell script that downloads all files and verifies them.
func (a API) script(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	begin(w, "text/x-shellscript; charset=utf-8", "fetch.sh")
	if r.Method == http.MethodHead {
		return nil
	}
	return a.Files.Script(r.Context(), w, call.Conversation)
}
