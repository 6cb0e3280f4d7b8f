package mediatype_test

import (
	"strings"

	"uploadfiles/internal/deployed/mediatype"
)

// isActive reports whether a browser may run code from a file of this type, when it shows the file
// or when a page refers to it. PDF does not count: its readers keep its scripts from everything else.
func isActive(t mediatype.Type) bool {
	essence := t.Essence()
	switch essence {
	case "text/html", "text/xml", "text/javascript", "message/rfc822", "application/x-shockwave-flash":
		return true
	}
	return strings.HasSuffix(essence, "+xml") // XHTML and SVG, and what can embed them
}
