// Package apidocs serves a viewer of the API's description, for developers who run
// the local stack. All its files are embedded; it asks no other site.
package apidocs

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

//go:generate ./refresh.sh

//go:embed index.html page.css page.js swagger-ui/*.gz
var files embed.FS

// pages are the patterns of the paths that are served.
var pages = map[string]struct{ file, mediaType string }{
	"/docs/{$}":                  {"index.html", "text/html; charset=utf-8"},
	"/docs/page.css":             {"page.css", "text/css; charset=utf-8"},
	"/docs/page.js":              {"page.js", "text/javascript; charset=utf-8"},
	"/docs/swagger-ui.css":       {"swagger-ui/swagger-ui.css.gz", "text/css; charset=utf-8"},
	"/docs/swagger-ui-bundle.js": {"swagger-ui/swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"},
}

// policy lets the viewer load its own files and call its own site, and nothing
// else. Its icons are data in its style sheet.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the viewer at /docs and below. It shows the /openapi.json of
// the same site.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusFound))
	for path, page := range pages {
		content := sync.OnceValue(func() []byte { return read(page.file) })
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			header := w.Header()
			header.Set("Content-Type", page.mediaType)
			header.Set("Content-Security-Policy", policy)
			header.Set("X-Content-Type-Options", "nosniff")
			header.Set("Referrer-Policy", "no-referrer")
			header.Set("Cache-Control", "no-cache")
			_, _ = w.Write(content()) // a browser that is gone reads no error either
		})
	}
	return mux
}

// read returns an embedded file, decompressed if its name ends in .gz. The
// tests read them all, so it panics where one cannot be read.
func read(name string) []byte {
	content, err := files.ReadFile(name)
	if err == nil && strings.HasSuffix(name, ".gz") {
		content, err = decompress(content)
	}
	if err != nil {
		panic(fmt.Sprintf("docs: %s: %v", name, err))
	}
	return content
}

func decompress(content []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
