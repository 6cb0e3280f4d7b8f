package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// How long a browser may keep the answer to a preflight, in seconds. Chromium
// keeps none for longer.
const preflightAge = "7200"

// cors tells the browser of an allowed origin that its page may call us, and
// tells others nothing. A preflight needs no session key and does nothing.
func (a *api) cors(header http.Header, r *http.Request) {
	if len(a.Origins) == 0 {
		return
	}
	header.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(a.Origins, origin) && !slices.Contains(a.Origins, "*") {
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id")
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		_, _, allow := a.match("", r.URL)
		header.Set("Access-Control-Allow-Methods", strings.Join(allow, ", "))
		header.Set("Access-Control-Allow-Headers", "Content-Type, X-Session-API-Key")
		header.Set("Access-Control-Max-Age", preflightAge)
	}
}
