package uploadapi

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"uploadfiles/internal/deployed/curlconfig"
	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/upload"
)

// A shell has no JSON. So it may ask for answers as tables, a line for each file,
// and for the requests to S3 as options of curl.

// table is the media type of lines of fields between tabs, of which the first line
// has the names (https://www.iana.org/assignments/media-types/text/tab-separated-values).
const table = "text/tab-separated-values"

// receiptHead names the fields of a receipt. Of a file that is stored, detail is
// its URL; of one that is not, sha256 stands for its code and detail for the
// reason. A field that has nothing to say is a hyphen, since a shell takes several
// tabs for one.
const receiptHead = "result\tsha256\tsize\tname\tdetail\n"

// receipts has a line for each file, in the order of the request.
func receipts(outcomes []upload.Outcome) string {
	var b strings.Builder
	b.WriteString(receiptHead)
	for _, o := range outcomes {
		if s := o.Skip; s != nil {
			line(&b, "skipped", string(s.Code), "", s.Name, s.Reason)
			continue
		}
		f := fileOf(o.Receipt)
		line(&b, cmp.Or(string(f.Status), "stored"), f.SHA256, strconv.FormatInt(f.Size, 10), f.Name, f.URL)
	}
	return b.String()
}

func line(b *strings.Builder, fields ...string) {
	for i, field := range fields {
		fields[i] = cmp.Or(strings.Map(visible, field), "-")
	}
	b.WriteString(strings.Join(fields, "\t") + "\n")
}

// visible keeps what a client sent within its field.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// partsTable lists the parts of an upload.
func partsTable(parts []direct.Part) string {
	var b strings.Builder
	b.WriteString("number\tsize\tetag\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "%d\t%d\t%s\n", p.Number, p.Size, p.ETag)
	}
	return b.String()
}

// writeCurl answers with a request for curl to send, to which its body is to be
// added.
func writeCurl(w http.ResponseWriter, r *http.Request, signed direct.Signed) {
	var b strings.Builder
	request := curlconfig.Request{Method: http.MethodPut, URL: signed.URL, Headers: signed.Headers}
	_, _ = request.WriteTo(&b) // it cannot fail
	httpapi.WriteText(w, r, curlconfig.MediaType, b.String())
}

// writeReceipt answers with the receipt of one file, such as one that is there
// already: a shell sends nothing twice, and after it has sent a file it asks again
// and sees here that it arrived.
func writeReceipt(w http.ResponseWriter, r *http.Request, call *httpapi.Call, o upload.Outcome) {
	if o.Err != nil {
		call.Summary.FileFailed(o.Err)
	}
	httpapi.WriteText(w, r, table, receipts([]upload.Outcome{o}))
}

// fileFrom reads what is said of a file in a query, or in the fields of a form, as
// a shell sends them by curl's --data-urlencode.
func fileFrom(get func(name string) string) (direct.File, error) {
	f := direct.File{Name: pathOf(get("filename"), get("metadata[relativePath]")), Type: get("type")}
	return f, describe(&f, words{get("size"), get("sha256"), get("crc32")},
		words{get("metadata[size]"), get("metadata[sha256]"), get("metadata[crc32]")})
}
