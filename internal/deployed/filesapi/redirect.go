package filesapi

import (
	"net/http"
	"slices"

	"uploadfiles/internal/deployed/httpapi"
)

// wantsJSON reports whether the answer to a request for a file is what the list says
// of it instead of a redirect to its URL. A page of another origin cannot follow that:
// after it the browser sends the origin null, which a bucket can allow only together
// with every other (https://fetch.spec.whatwg.org/#http-redirect-fetch).
//
// The query's redirect decides. Without it, a GET that accepts JSON and nothing else
// does: many clients name JSON first among all other types, and want the file.
func wantsJSON(r *http.Request) (bool, error) {
	switch values := r.URL.Query()["redirect"]; {
	case acceptDecides(r):
		return acceptsOnlyJSON(r), nil
	case len(values) == 0:
		return false, nil
	case len(values) == 1 && (values[0] == "true" || values[0] == "false"):
		return values[0] == "false", nil
	}
	return false, problem{status: http.StatusBadRequest, Detail: "redirect must be true or false, and there once."}
}

// vary says what an answer that goes out would be another one by.
func vary(w http.ResponseWriter, r *http.Request) {
	if acceptDecides(r) {
		w.Header().Add("Vary", "Accept")
	}
}

func acceptDecides(r *http.Request) bool {
	return r.Method == http.MethodGet && !r.URL.Query().Has("redirect")
}

// acceptsOnlyJSON reports whether a request accepts JSON and nothing else.
func acceptsOnlyJSON(r *http.Request) bool {
	types := httpapi.Accepted(r)
	isOther := func(mediaType string) bool { return mediaType != "application/json" }
	return len(types) > 0 && !slices.ContainsFunc(types, isOther)
}
