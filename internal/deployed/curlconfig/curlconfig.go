// Package curlconfig writes requests as files of options for curl, which a shell
// can hand on without understanding them
// (https://curl.se/docs/manpage.html#-K).
package curlconfig

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// MediaType is what such a file is called here; none is registered.
const MediaType = "text/x-curl-config"

var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

// Quote makes a text fit to stand between double quotes in such a file.
func Quote(s string) string { return quoter.Replace(s) }

// A Request is what curl is to send, without a body.
type Request struct {
	Method, URL string
	Headers     map[string]string
}

// WriteTo writes the options, a line each, in an order that is always the same.
func (r Request) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "url = \"%s\"\nrequest = \"%s\"\n", Quote(r.URL), Quote(r.Method))
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		fmt.Fprintf(&b, "header = \"%s\"\n", Quote(name+": "+r.Headers[name]))
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
