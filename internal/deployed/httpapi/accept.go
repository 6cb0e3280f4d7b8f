package httpapi

import (
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Accepts reports whether a request names a media type in Accept, and says in the
// answer that it depends on that. Wildcards name nothing: JSON is what everybody
// gets who does not ask for something else.
func Accepts(w http.ResponseWriter, r *http.Request, mediaType string) bool {
	w.Header().Add("Vary", "Accept")
	return slices.Contains(Accepted(r), mediaType)
}

// Accepted are the media types and wildcards that a request names in Accept, in
// lower case and without parameters. Those of quality 0 are not accepted
// (RFC 9110, section 12.4.2). One that cannot be read is empty.
func Accepted(r *http.Request) []string {
	var types []string
	for element := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		if strings.TrimSpace(element) == "" {
			continue
		}
		mediaType, params, err := mime.ParseMediaType(element)
		if err != nil {
			mediaType = ""
		}
		if quality, err := strconv.ParseFloat(params["q"], 64); err == nil && quality == 0 {
			continue
		}
		types = append(types, mediaType)
	}
	return types
}

// WriteText sends a text of a media type.
func WriteText(w http.ResponseWriter, r *http.Request, mediaType, text string) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text)) // a client that is gone reads no error either
	}
}
