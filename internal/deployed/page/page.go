// Package page serves the page at the root of the site: a person drops files on
// it, sees them arrive, and fetches or deletes those that are there. All of it
// is embedded, and it asks nobody but the API of its own site and the object
// store.
//
// What is served was bundled from src/; see README.md.
package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"uploadfiles/internal/deployed/httpapi"
)

//go:generate ./refresh.sh

//go:embed dist/*.gz
var dist embed.FS

// mediaTypes are those of the files, by the extension of their names. All are
// text: a REST API hands on bytes only for types that are binary to it, and
// template.yaml names none of these.
var mediaTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// Routes are the page at / and its files below /page/. They ask for no session
// key: nothing secret is in them.
//
// A page reaches only the origins that its policy names: its own, and that of
// the object store, such as "https://files.s3.eu-west-1.amazonaws.com", to which
// it sends files.
func Routes(store func(context.Context) (origin string, err error)) []httpapi.Route {
	answer := func(w http.ResponseWriter, r *http.Request, name string) error {
		file, ok := find(name)
		if !ok {
			return missing{}
		}
		origin, err := store(r.Context())
		if err != nil {
			return err
		}
		file.serve(w, r, policy(origin))
		return nil
	}
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/", Handle: func(w http.ResponseWriter, r *http.Request, _ *httpapi.Call) error {
			return answer(w, r, index)
		}},
		{Method: http.MethodGet, Path: "/page/{file}", Handle: func(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
			return answer(w, r, call.Param("file"))
		}},
	}
}

// index is the page itself, which names the others.
const index = "index.html"

// policy allows what the page needs and nothing else. No form is ever sent by
// the browser itself, which would put the session key into an address.
func policy(store string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"worker-src 'self'",
		"style-src 'self'",
		"img-src 'self'",
		"connect-src 'self' " + store,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types upload-files",
	}, "; ")
}

// find returns a file by its name. A name whose hash is another one's belongs to
// another version of the page: while two are deployed, Lambda asks either of them
// for the files of both. The present one is better than none then, but not to be
// kept under that name.
func find(name string) (f file, ok bool) {
	if f, ok = files()[name]; ok {
		return f, true
	}
	stem, extension, hashed := splitHash(name)
	if !hashed {
		return file{}, false
	}
	for present, f := range files() {
		if s, e, ok := splitHash(present); ok && s == stem && e == extension {
			f.stale = true
			return f, true
		}
	}
	return file{}, false
}

// hashed is how the names of files end that hold their hash.
var hashed = regexp.MustCompile(`^(.+)-[0-9a-f]{12}(\.[a-z]+)$`)

func splitHash(name string) (stem, extension string, ok bool) {
	parts := hashed.FindStringSubmatch(name)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// missing says that the page has no such file.
type missing struct{}

func (missing) Error() string { return "no such file of the page" }

// Answer implements [httpapi.Answerer].
func (missing) Answer() (int, any) {
	return http.StatusNotFound, map[string]string{"detail": "Not Found"}
}

// file is what is served under a name.
type file struct {
	name    string
	content []byte
	tag     string
	stale   bool // it was asked for under the name of another version
}

func (f file) serve(w http.ResponseWriter, r *http.Request, policy string) {
	header := w.Header()
	header.Set("Content-Type", mediaTypes[path.Ext(f.name)])
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("ETag", f.tag)
	header.Set("Cache-Control", f.cacheControl())
	switch {
	case known(r.Header.Values("If-None-Match"), f.tag):
		w.WriteHeader(http.StatusNotModified)
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusOK)
	default:
		_, _ = w.Write(f.content) // a browser that is gone reads no error either
	}
}

// cacheControl lets a browser keep a file whose name holds its hash for a year,
// which is for ever. The page itself names those files, so it is asked for anew.
func (f file) cacheControl() string {
	switch {
	case f.stale:
		return "no-store"
	case f.name == index:
		return "no-cache"
	}
	return "public, max-age=31536000, immutable"
}

// known reports whether a client has the file with this tag already.
func known(values []string, tag string) bool {
	for _, value := range values {
		for candidate := range strings.SplitSeq(value, ",") {
			candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
			if candidate == tag || candidate == "*" {
				return true
			}
		}
	}
	return false
}

// files are decompressed when the first is asked for, which takes a millisecond
// or two and spares the function's start.
var files = sync.OnceValue(func() map[string]file {
	entries, err := dist.ReadDir("dist")
	must(err)
	files := map[string]file{}
	for _, entry := range entries {
		content := decompress("dist/" + entry.Name())
		sum := sha256.Sum256(content)
		name := strings.TrimSuffix(entry.Name(), ".gz")
		files[name] = file{name: name, content: content, tag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	}
	return files
})

func decompress(name string) []byte {
	compressed, err := dist.ReadFile(name)
	must(err)
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	must(err)
	content, err := io.ReadAll(r)
	must(err)
	return slices.Clip(content)
}

// must panics: what is embedded can be read, or no test has passed.
func must(err error) {
	if err != nil {
		panic("page: " + err.Error())
	}
}
