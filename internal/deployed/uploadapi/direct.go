package uploadapi

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"uploadfiles/internal/deployed/curlconfig"
	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Direct is the lane for files of any size: the client sends them straight to
// S3. Its routes have the shapes of Uppy's Companion
// (https://uppy.io/docs/aws-s3/), so that a stock client works with them. Lane
// and Bucket are required.
type Direct struct {
	Lane        *direct.Lane
	Bucket      string // for clients that show it
	SkipObjects bool   // as in UploadFiles
}

// directPath is what the paths of the lane begin with.
const directPath = "/api/conversations/{id}/s3/"

// DirectLane tells a client of the inline lane where this one is, by references
// relative to the URL of its request (RFC 3986, section 4.2): what stands before
// /api in it, such as a stage, the function does not know.
type DirectLane struct {
	Params      string `json:"params"`        // where a file is signed in one go
	Multipart   string `json:"multipart"`     // where an upload in parts begins
	MaxFileSize int64  `json:"max_file_size"` // bytes
}

// From is the lane as seen from the inline one.
func (d Direct) From() *DirectLane {
	return &DirectLane{"s3/params", "s3/multipart", d.Lane.MaxSize}
}

// seenFrom is the lane as seen from a path, which is a folder further away where it
// ends in a slash.
func (l *DirectLane) seenFrom(path string) *DirectLane {
	if l == nil || !strings.HasSuffix(path, "/") {
		return l
	}
	return &DirectLane{"../" + l.Params, "../" + l.Multipart, l.MaxFileSize}
}

// Routes are where the lane is served.
func (d Direct) Routes() []httpapi.Route {
	const one = directPath + "multipart/{uploadId}"
	routes := []httpapi.Route{
		{Method: http.MethodGet, Path: directPath + "params", Handle: d.params},
		{Method: http.MethodPost, Path: directPath + "sign", Handle: d.sign},
		{Method: http.MethodPost, Path: directPath + "multipart", Handle: d.begin},
		{Method: http.MethodGet, Path: one, Handle: d.parts},
		{Method: http.MethodDelete, Path: one, Handle: d.abort},
		{Method: http.MethodGet, Path: one + "/{partNumber}", Handle: d.part},
		{Method: http.MethodGet, Path: one + "/batch", Handle: d.batch},
		{Method: http.MethodPost, Path: one + "/complete", Handle: d.complete},
	}
	for i, rt := range routes {
		routes[i].Handle = refusing(rt.Handle)
		routes[i].Companion = true
	}
	return routes
}

// once are the query parameters that count. Of two of one name it would be
// anybody's guess which does.
var once = []string{"crc32", "filename", "key", "metadata[crc32]", "metadata[relativePath]", "metadata[sha256]", "metadata[size]", "partNumbers", "sha256", "size", "type"}

// refusing tells the client of refusals. What else goes wrong is the store's.
func refusing(handle httpapi.Handler) httpapi.Handler {
	return func(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
		var err error
		query := r.URL.Query()
		if i := slices.IndexFunc(once, func(name string) bool { return len(query[name]) > 1 }); i >= 0 {
			err = bad("The query parameter %s is there more than once.", once[i])
		} else {
			err = handle(w, r, call)
		}
		if refusal, ok := errors.AsType[*direct.Refusal](err); ok {
			// A refusal that came with more: its parts could not be dropped.
			call.Summary.StoreFailed = err != error(refusal) //nolint:errorlint // it is about the wrapping
			return refused{err, refusal}
		}
		if _, ok := errors.AsType[unread](err); err != nil && !ok {
			call.Summary.StoreFailed = true
		}
		return err
	}
}

// unread is the error of a request's body that did not come.
type unread struct{ error }

func (u unread) Unwrap() error { return u.error }

// params answers with a request that writes the file in one go.
func (d Direct) params(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	f, err := fileFrom(r.URL.Query().Get)
	if err != nil {
		return err
	}
	offer, err := d.Lane.Put(r.Context(), call.Conversation, f)
	if err != nil {
		return err
	}
	if httpapi.Accepts(w, r, curlconfig.MediaType) {
		if offer.There != nil {
			writeReceipt(w, r, call, *offer.There)
			return nil
		}
		writeCurl(w, r, offer.Signed)
		return nil
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Fields  struct{}          `json:"fields"` // of a form, which S3 could not make conditional
		Headers map[string]string `json:"headers"`
		Expires int64             `json:"expires"`
		Key     string            `json:"key"`
		Stored  *file             `json:"stored,omitempty"` // the same file, which is there already
	}{http.MethodPut, offer.URL, struct{}{}, offer.Headers, seconds(offer.Signed), offer.Key, there(call, offer.There)})
}

// there is a file that need not be sent, or nil.
func there(call *httpapi.Call, o *upload.Outcome) *file {
	if o == nil {
		return nil
	}
	if o.Err != nil {
		call.Summary.FileFailed(o.Err)
	}
	f := fileOf(o.Receipt)
	return &f
}

func seconds(s direct.Signed) int64 { return int64(s.Expires.Seconds()) }

// begin begins an upload in parts.
func (d Direct) begin(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	f, err := begun(r)
	if err != nil {
		return err
	}
	started, err := d.Lane.Begin(r.Context(), call.Conversation, f)
	if err != nil {
		return err
	}
	if httpapi.Accepts(w, r, table) {
		if started.There != nil {
			if err := d.Lane.Abort(r.Context(), started.ID); err != nil {
				return err
			}
			writeReceipt(w, r, call, *started.There)
			return nil
		}
		httpapi.WriteText(w, r, table, "key\tuploadId\n"+started.Key+"\t"+started.String()+"\n")
		return nil
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		Key      string `json:"key"`
		UploadID string `json:"uploadId"`
		Bucket   string `json:"bucket"`
		Stored   *file  `json:"stored,omitempty"` // as in params
	}{started.Key, started.String(), d.Bucket, there(call, started.There)})
}

// begun reads what is said of a file that comes in parts: JSON, as Companion takes
// it, or a form.
func begun(r *http.Request) (direct.File, error) {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType == "application/x-www-form-urlencoded" {
		body, err := readAll(r)
		if err != nil {
			return direct.File{}, err
		}
		fields, err := url.ParseQuery(string(body))
		if err != nil {
			return direct.File{}, bad("The request body is not the form that is described.")
		}
		return fileFrom(fields.Get)
	}
	var body struct {
		Filename, Type string
		Size           text
		SHA256, CRC32  text
		Metadata       map[string]text
	}
	if err := readJSON(r, &body); err != nil {
		return direct.File{}, err
	}
	f := direct.File{Name: pathOf(body.Filename, string(body.Metadata["relativePath"])), Type: body.Type}
	err := describe(&f, words{string(body.Size), string(body.SHA256), string(body.CRC32)},
		words{string(body.Metadata["size"]), string(body.Metadata["sha256"]), string(body.Metadata["crc32"])})
	return f, err
}

// parts lists what is there of an upload, so that a client can go on with it.
func (d Direct) parts(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	id, err := d.id(r, call)
	if err != nil {
		return err
	}
	parts, err := d.Lane.Parts(r.Context(), id)
	if err != nil {
		return err
	}
	if httpapi.Accepts(w, r, table) {
		httpapi.WriteText(w, r, table, partsTable(parts))
		return nil
	}
	list := make([]part, len(parts))
	for i, p := range parts {
		list[i] = part{PartNumber: p.Number, Size: p.Size, ETag: `"` + p.ETag + `"`}
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, list)
}

// part is a part as S3 and its clients write it.
type part struct {
	PartNumber int
	Size       int64
	ETag       string
}

// part answers with a request that writes one part.
func (d Direct) part(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	id, err := d.id(r, call)
	if err != nil {
		return err
	}
	signed, err := d.signPart(r, id, call.Param("partNumber"))
	if err != nil {
		return err
	}
	if httpapi.Accepts(w, r, curlconfig.MediaType) {
		writeCurl(w, r, signed)
		return nil
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		URL     string `json:"url"`
		Expires int64  `json:"expires"`
	}{signed.URL, seconds(signed)})
}

func (d Direct) signPart(r *http.Request, id direct.ID, number string) (direct.Signed, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return direct.Signed{}, bad("The number of a part is from 1 to %d, not %.20q.", direct.MaxParts, number)
	}
	size, err := parseSize(r.URL.Query().Get("size"))
	if err != nil {
		return direct.Signed{}, err
	}
	return d.Lane.SignPart(r.Context(), id, n, size)
}

// maxBatch is how many parts are signed at once. A URL with the token of a role
// takes some 2 kB of an answer.
const maxBatch = 1000

// batch answers with a request for each of the parts.
func (d Direct) batch(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	id, err := d.id(r, call)
	if err != nil {
		return err
	}
	numbers := strings.Split(r.URL.Query().Get("partNumbers"), ",")
	if len(numbers) > maxBatch {
		return bad("At most %d parts are signed at once.", maxBatch)
	}
	urls := make(map[string]string, len(numbers))
	for _, number := range numbers {
		signed, err := d.signPart(r, id, number)
		if err != nil {
			return err
		}
		urls[number] = signed.URL
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		URLs map[string]string `json:"presignedUrls"`
	}{urls})
}

// complete makes the file of its parts and answers as an upload of that one
// file does.
func (d Direct) complete(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	id, err := d.id(r, call)
	if err != nil {
		return err
	}
	var body struct{ Parts []part }
	if err := readJSON(r, &body); err != nil {
		return err
	}
	parts := make([]direct.Part, len(body.Parts))
	for i, p := range body.Parts {
		parts[i] = direct.Part{Number: p.PartNumber, ETag: strings.Trim(p.ETag, `"`)}
	}
	outcome, err := d.Lane.Complete(r.Context(), id, parts)
	if err != nil {
		return err
	}
	outcomes := []upload.Outcome{outcome}
	call.Summary.Add(outcomes)
	if httpapi.Accepts(w, r, table) {
		httpapi.WriteText(w, r, table, receipts(outcomes))
		return nil
	}
	result := UploadFiles{SkipObjects: d.SkipObjects}.result(outcomes)
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		Location string `json:"location"` // empty while the file may not be fetched
		Key      string `json:"key"`
		Bucket   string `json:"bucket"`
		uploadResult
	}{result.Files[0].URL, id.Key, d.Bucket, result})
}

// abort drops the parts of an upload.
func (d Direct) abort(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	id, err := d.id(r, call)
	if err != nil {
		return err
	}
	if err := d.Lane.Abort(r.Context(), id); err != nil {
		return err
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct{}{})
}

// wish is a request to S3 that a client wants to send itself.
type wish struct {
	Method      string
	Key         string
	UploadID    string `json:"uploadId"`
	PartNumber  int    `json:"partNumber"`
	ContentType string `json:"contentType"`
	Size        text
	SHA256      text
	CRC32       text
}

// sign answers with one request to S3, for clients that speak to S3 themselves
// (the option signRequest of @uppy/aws-s3).
func (d Direct) sign(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	var body wish
	if err := readJSON(r, &body); err != nil {
		return err
	}
	offer, err := d.grant(r, call, body)
	if err != nil {
		return err
	}
	return httpapi.WriteJSON(w, r, http.StatusOK, struct {
		URL     string            `json:"url"`
		Key     string            `json:"key"`
		Headers map[string]string `json:"headers"`
		Stored  *file             `json:"stored,omitempty"` // as in params
	}{offer.URL, offer.Key, offer.Headers, there(call, offer.There)})
}

// grant signs a wish. What begins a file gets its key from us; all else is for
// an upload of the conversation.
func (d Direct) grant(r *http.Request, call *httpapi.Call, body wish) (direct.Offer, error) {
	ctx := r.Context()
	f := direct.File{Name: body.Key, Type: body.ContentType}
	if err := describe(&f, words{string(body.Size), string(body.SHA256), string(body.CRC32)}); err != nil {
		return direct.Offer{}, err
	}
	if body.UploadID == "" {
		switch body.Method {
		case http.MethodPut:
			return d.Lane.Put(ctx, call.Conversation, f)
		case http.MethodPost:
			return d.Lane.SignBegin(ctx, call.Conversation, f)
		}
		return direct.Offer{}, bad("The method is PUT or POST where there is no uploadId, not %.20q.", body.Method)
	}
	id, err := d.Lane.ParseID(call.Conversation, body.Key, body.UploadID)
	if err != nil {
		return direct.Offer{}, err
	}
	var signed direct.Signed
	switch body.Method {
	case http.MethodPut:
		signed, err = d.Lane.SignPart(ctx, id, body.PartNumber, f.Size)
	case http.MethodGet:
		signed, err = d.Lane.SignList(ctx, id)
	case http.MethodPost:
		signed, err = d.Lane.SignComplete(ctx, id)
	case http.MethodDelete:
		signed, err = d.Lane.SignAbort(ctx, id)
	default:
		err = bad("The method of an upload is PUT, GET, POST or DELETE, not %.20q.", body.Method)
	}
	return direct.Offer{Signed: signed, Key: id.Key}, err
}

// id is the upload that a request is about.
func (d Direct) id(r *http.Request, call *httpapi.Call) (direct.ID, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || !query.Has("key") {
		return direct.ID{}, bad("The query parameter key is missing: it is the key that was answered when the upload began.")
	}
	return d.Lane.ParseID(call.Conversation, query.Get("key"), call.Param("uploadId"))
}

// pathOf is the name of a file with the folders that it lies in, for clients that
// say both apart, as Uppy does. It sends "null" for a file that lies in none.
func pathOf(name, relativePath string) string {
	folders := relativePath[:strings.LastIndexAny(relativePath, `/\`)+1]
	if name == "" || strings.ContainsAny(name, `/\`) {
		return name
	}
	return folders + name
}

// words are what is said of a file's bytes. Empty means that it is not said.
type words struct{ size, sha256, crc32 string }

// describe reads words, of which the first count. The others must make sense too.
func describe(f *direct.File, said ...words) error {
	f.Size = -1
	for _, w := range slices.Backward(said) {
		if w.size != "" {
			size, err := parseSize(w.size)
			if err != nil {
				return err
			}
			f.Size = size
		}
		if w.sha256 != "" {
			sum, err := hex.DecodeString(w.sha256)
			if err != nil || len(sum) != len(f.SHA256) {
				return bad("sha256 is %d hexadecimal digits.", hex.EncodedLen(len(f.SHA256)))
			}
			f.SHA256 = [32]byte(sum)
		}
		if w.crc32 != "" {
			sum, err := hex.DecodeString(w.crc32)
			if err != nil || len(sum) != crc32.Size {
				return bad("crc32 is %d hexadecimal digits.", hex.EncodedLen(crc32.Size))
			}
			f.CRC32 = s3object.CRC32{Sum: binary.BigEndian.Uint32(sum), Known: true}
		}
	}
	return nil
}

// parseSize is negative where nothing is said.
func parseSize(size string) (int64, error) {
	if size == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 {
		return 0, bad("size is a number of bytes, not %.20q.", size)
	}
	return n, nil
}

// text is a JSON string, or the text of another JSON value: clients write
// numbers either way. It is empty for null.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(value []byte) error {
	if value[0] == '"' {
		return json.Unmarshal(value, (*string)(t))
	}
	// 5.0 and 5e0 are the whole number 5 as well; beyond 2^53 a float64 has gaps.
	if n, err := strconv.ParseFloat(string(value), 64); err == nil && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		value = strconv.AppendInt(nil, int64(n), 10)
	}
	if string(value) != "null" {
		*t = text(value)
	}
	return nil
}

// maxJSON is the most bytes of a request of the lane. The largest names 10,000
// parts.
const maxJSON = 1 << 20

func readAll(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxJSON+1))
	switch {
	case err != nil:
		return nil, unread{err}
	case len(body) > maxJSON:
		return nil, &direct.Refusal{Code: bodyTooLarge, Reason: fmt.Sprintf("The request body has more than %d bytes.", maxJSON)}
	}
	return body, nil
}

func readJSON(r *http.Request, v any) error {
	body, err := readAll(r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return bad("The request body is not the JSON that is described.")
	}
	return nil
}

// refusals is the status of each code.
var refusals = map[upload.Code]int{
	upload.EmptyName:           http.StatusBadRequest,
	upload.TooLarge:            http.StatusRequestEntityTooLarge,
	upload.TypeNotAllowed:      http.StatusUnsupportedMediaType,
	upload.ExtensionNotAllowed: http.StatusUnsupportedMediaType,
	direct.SizeRequired:        http.StatusBadRequest,
	direct.NoUpload:            http.StatusNotFound,
	direct.WrongParts:          http.StatusBadRequest,
	direct.NameTaken:           http.StatusConflict,
	badRequest:                 http.StatusBadRequest,
	bodyTooLarge:               http.StatusRequestEntityTooLarge,
}

// Codes of requests that cannot be read.
const (
	badRequest   upload.Code = "bad_request"
	bodyTooLarge upload.Code = "body_too_large"
)

// bad refuses a request in words for the client.
func bad(format string, args ...any) error {
	return &direct.Refusal{Code: badRequest, Reason: fmt.Sprintf(format, args...)}
}

// refused hands an error on to the client where it is a refusal.
type refused struct {
	error
	refusal *direct.Refusal
}

// Answer implements [httpapi.Answerer].
func (r refused) Answer() (int, any) {
	return refusals[r.refusal.Code], struct {
		httpapi.Message
		Code upload.Code `json:"code"`
	}{httpapi.Message{Detail: r.refusal.Reason, Message: r.refusal.Reason}, r.refusal.Code}
}
