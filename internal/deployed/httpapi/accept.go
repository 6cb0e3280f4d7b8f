package httpapi

import (
	"net/http"
	"strings"
)

// Accepts reports whether a request names a media type in Accept, and says in the
// answer that it depends on that. Wildcards name nothing: JSON is what everybody
// gets who does not ask for something else.
func Accepts(w http.ResponseWriter, r *http.Request, mediaType string) bool {
	vary := append(w.Header().Values("Vary"), "Accept")
	w.Header().Set("Vary", strings.Join(vary, ", "))
	for _, value := range r.Header.Values("Accept") {
		for element := range strings.SplitSeq(value, ",") {
			name, _, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(name), mediaType) {
				return true
			}
		}
	}
	return false
}

// WriteText sends a text of a media type.
func WriteText(w http.ResponseWriter, r *http.Request, mediaType, text string) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(text)) // a client that is gone reads no error either
	}
}
