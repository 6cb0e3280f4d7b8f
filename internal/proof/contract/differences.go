package contract

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// A difference is one place where our answer is not the reference's. Exactly one
// of its outcomes is set.
type difference struct {
	vectors []string
	why     string

	detail   string // outcome: 400 with this text
	like     string // outcome: the reference's answer to that other vector
	storedAs string // outcome: the only file has no name and gets this one
	skipCode string // outcome: the only file is skipped with this code
}

// differences is all of them. Two rows of the contract's list are not here. The
// key is checked before the body, which no vector can show. And a preamble may
// be refused or read; it is refused, as by the reference.
var differences = []difference{
	{
		vectors: []string{
			"missing closing delimiter",
			"cut inside the body of a part",
			"cut inside the second file",
			"cut inside a part's header",
		},
		detail: "There was an error parsing the body",
		why:    "a file must not vanish behind a 200",
	},
	{
		vectors: []string{"content type in capitals"},
		like:    "charset parameter",
		why:     "media types are case-insensitive (RFC 9110, section 8.3.1)",
	},
	{
		vectors: []string{"urlencoded body"},
		like:    "json body",
		why:     "nobody sends it",
	},
	{
		vectors:  []string{"empty file name, no content (browser: nothing chosen)"},
		skipCode: "empty_name",
		why:      "a browser sends it when nothing was chosen",
	},
	{
		vectors:  []string{"empty file name with content"},
		storedAs: "unnamed.txt",
		why:      "nothing is lost",
	},
	{
		vectors: []string{"trailing slash"},
		like:    "query string ignored",
		why:     "a redirect makes a client send its files twice",
	},
	{
		vectors: []string{"percent sign in the id", "plus in the id", "encoded space in the id"},
		detail:  "Conversation ID contains invalid characters",
		why:     "the id becomes part of an object key",
	},
}

// apply sets what v wants instead of the reference's answer.
func (d difference) apply(v *Vector, all []Vector) {
	v.Why = d.why
	switch {
	case d.detail != "":
		body := json.RawMessage(fmt.Sprintf(`{"detail": %q}`, d.detail))
		v.Want = Answer{Status: http.StatusBadRequest, JSON: body}
	case d.like != "":
		v.Want = find(all, d.like).Reference
	default:
		// Reference keeps its own list.
		v.Want.Files = slices.Clone(v.Want.Files)
		v.Want.Files[0].StoredAs = d.storedAs
		v.Want.Files[0].SkipCode = d.skipCode
	}
}
