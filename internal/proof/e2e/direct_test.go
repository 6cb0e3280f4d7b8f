package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// minPart is the least size of a part that is not the last
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const minPart = 5 << 20

// apiURL is the address of something of a conversation. Path is relative to it.
func apiURL(conversation, path string) string {
	return stack.API + "/api/conversations/" + conversation + "/" + path
}

// call asks the API for something of a conversation, with its session key.
// Neither it nor do follows redirects.
func call(t *testing.T, method, conversation, path string, body []byte) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, apiURL(conversation, path), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Session-API-Key", sessionKey(t))
	r.Header.Set("Accept", "*/*") // SAM's gateway decodes a binary answer only for who says what it accepts
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := do(r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// callFor is call that wants a status and decodes the answer into out, if that
// is not nil.
func callFor(t *testing.T, want int, out any, method, conversation, path string, body []byte) {
	t.Helper()
	got := call(t, method, conversation, path, body)
	if got.status != want {
		t.Fatalf("%s %s: status %d, want %d; body %.500s", method, path, got.status, want, got.body)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		t.Fatalf("%s %s: %v; body %.500s", method, path, err, got.body)
	}
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A signed request is sent to S3 as it is.
type signed struct {
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Key     string            `json:"key"`
}

// toS3 sends a request that the API has signed, as a client does: without
// credentials.
func toS3(t *testing.T, method, url string, headers map[string]string, body io.Reader, size int64) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	if size == 0 {
		r.Body = http.NoBody
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: text}
}

// put sends a file by a request that the API has signed.
func put(t *testing.T, s signed, content []byte) answer {
	t.Helper()
	return toS3(t, s.Method, s.URL, s.Headers, bytes.NewReader(content), int64(len(content)))
}

// params asks for a request that writes a file in one go.
func params(t *testing.T, conversation, name string, content []byte) signed {
	t.Helper()
	sum := sha256.Sum256(content)
	query := url.Values{
		"filename": {name}, "type": {"text/plain"},
		"size": {strconv.Itoa(len(content))}, "sha256": {hex.EncodeToString(sum[:])},
	}
	var s signed
	callFor(t, http.StatusOK, &s, "GET", conversation, "s3/params?"+query.Encode(), nil)
	return s
}

// A parted upload is one in parts.
type parted struct {
	Key      string `json:"key"`
	UploadID string `json:"uploadId"`

	conversation string
}

type part struct {
	PartNumber int
	Size       int64 `json:",omitempty"`
	ETag       string
}

func begin(t *testing.T, conversation, name string, content []byte) parted {
	t.Helper()
	sum := sha256.Sum256(content)
	return beginWith(t, conversation, name, int64(len(content)), hex.EncodeToString(sum[:]))
}

func beginWith(t *testing.T, conversation, name string, size int64, sum string) parted {
	t.Helper()
	metadata := map[string]string{"size": strconv.FormatInt(size, 10)}
	if sum != "" {
		metadata["sha256"] = sum
	}
	u := parted{conversation: conversation}
	callFor(t, http.StatusOK, &u, "POST", conversation, "s3/multipart",
		toJSON(t, map[string]any{"filename": name, "type": "video/mp4", "metadata": metadata}))
	return u
}

// path is that of an upload and what is asked of it, such as "/complete".
func (u parted) path(what string, query ...string) string {
	return "s3/multipart/" + url.PathEscape(u.UploadID) + what + "?" + strings.Join(append(query, "key="+url.QueryEscape(u.Key)), "&")
}

// send uploads one part and returns what completing asks for.
func (u parted) send(t *testing.T, number int, content []byte) part {
	t.Helper()
	return u.stream(t, number, bytes.NewReader(content), int64(len(content)))
}

func (u parted) stream(t *testing.T, number int, content io.Reader, size int64) part {
	t.Helper()
	var s signed
	callFor(t, http.StatusOK, &s, "GET", u.conversation, u.path("/"+strconv.Itoa(number)), nil)
	got := toS3(t, "PUT", s.URL, nil, content, size)
	if got.status != http.StatusOK || got.header.Get("ETag") == "" {
		t.Fatalf("part %d: status %d, ETag %q, body %.500s", number, got.status, got.header.Get("ETag"), got.body)
	}
	return part{PartNumber: number, ETag: got.header.Get("ETag")}
}

// parts are those that S3 has.
func (u parted) parts(t *testing.T) []part {
	t.Helper()
	var there []part
	callFor(t, http.StatusOK, &there, "GET", u.conversation, u.path(""), nil)
	return there
}

func (u parted) complete(t *testing.T, parts ...part) answer {
	t.Helper()
	return call(t, "POST", u.conversation, u.path("/complete"), toJSON(t, map[string]any{"parts": parts}))
}

// A receipt is the answer to completing: that of an inline upload, and more.
type receipt struct {
	answer
	Location string `json:"location"`
	Key      string `json:"key"`
	Bucket   string `json:"bucket"`
}

// completed is complete that wants success.
func (u parted) completed(t *testing.T, parts ...part) receipt {
	t.Helper()
	got := u.complete(t, parts...)
	r := receipt{answer: got}
	if err := json.Unmarshal(got.body, &r); err != nil || got.status != http.StatusOK {
		t.Fatalf("complete: status %d, error %v, body %.500s", got.status, err, got.body)
	}
	return r
}

// The name is one that S3 and its clients write in several ways.
const longName = "Grüße & 日本語 (1)+=~.mp4"

func TestFileGoesToTheBucketInOneRequest(t *testing.T) {
	id := conversation(t)
	content := everyByte()
	s := params(t, id, longName, content)
	if want := stack.Prefix + id + "/" + longName; s.Key != want || s.Method != "PUT" {
		t.Fatalf("%s to %q, want PUT to %q", s.Method, s.Key, want)
	}
	if got := put(t, s, []byte(strings.Repeat("x", len(content)))); got.status < 400 || len(stored(t, id)) != 0 {
		t.Errorf("other bytes than were announced: status %d, stored %q", got.status, stored(t, id))
	}
	if got := put(t, s, append(content, 'x')); got.status < 400 || len(stored(t, id)) != 0 {
		t.Errorf("a byte more than was announced: status %d, stored %q", got.status, stored(t, id))
	}
	if got := put(t, s, content); got.status != http.StatusOK {
		t.Fatalf("status %d, body %.500s", got.status, got.body)
	}
	if got := put(t, s, content); got.status != http.StatusPreconditionFailed {
		t.Errorf("the same URL again: status %d, want 412", got.status)
	}
	again := params(t, id, longName, []byte("other"))
	if again.Key == s.Key {
		t.Errorf("a taken name is given again: %q", again.Key)
	}
	if got := put(t, again, []byte("other")); got.status != http.StatusOK {
		t.Errorf("under another name: status %d, body %.500s", got.status, got.body)
	}
	location := call(t, "GET", id, "files/"+url.PathEscape(longName), nil).header.Get("Location")
	_, header, fetched := fetch(t, location)
	if !bytes.Equal(fetched, content) {
		t.Errorf("%d bytes come back, want the %d that were sent", len(fetched), len(content))
	}
	checkDownload(t, longName, header)
}

// What is signed is held by S3: no header can be left out or changed.
func TestSignedRequestIsSentAsItIsOrNotAtAll(t *testing.T) {
	id := conversation(t)
	content := []byte("content")
	s := params(t, id, "a.txt", content)
	for name := range s.Headers {
		for what, headers := range map[string]map[string]string{"without": {}, "another": {name: "other"}} {
			for other, value := range s.Headers {
				if other != name {
					headers[other] = value
				}
			}
			if got := toS3(t, s.Method, s.URL, headers, bytes.NewReader(content), int64(len(content))); got.status < 400 {
				t.Errorf("%s %s: status %d", what, name, got.status)
			}
		}
	}
	if got := toS3(t, s.Method, strings.Replace(s.URL, "a.txt", "b.txt", 1), s.Headers, bytes.NewReader(content), int64(len(content))); got.status < 400 {
		t.Errorf("another key: status %d", got.status)
	}
	for _, name := range []string{"Content-Disposition", "Content-Type", "If-None-Match"} {
		if s.Headers[name] == "" {
			t.Errorf("%s is not signed: %v", name, s.Headers)
		}
	}
	if got := stored(t, id); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
}

func TestUploadInPartsGoesOnAfterItWasCut(t *testing.T) {
	id := conversation(t)
	content := random(t, 2*minPart+1000)
	u := begin(t, id, longName, content)
	one := u.send(t, 1, content[:minPart])

	// The client is gone, and comes back with nothing but key and upload id.
	there := u.parts(t)
	if diff := cmp.Diff([]part{{PartNumber: 1, Size: minPart, ETag: one.ETag}}, there); diff != "" {
		t.Errorf("parts that are there (-want +got):\n%s", diff)
	}
	var batch struct {
		URLs map[string]string `json:"presignedUrls"`
	}
	callFor(t, http.StatusOK, &batch, "GET", id, u.path("/batch", "partNumbers=2,3"), nil)
	if len(batch.URLs) != 2 {
		t.Fatalf("URLs of two parts: %v", batch.URLs)
	}
	for number, rest := range map[string][]byte{"2": content[minPart : 2*minPart], "3": content[2*minPart:]} {
		if got := toS3(t, "PUT", batch.URLs[number], nil, bytes.NewReader(rest), int64(len(rest))); got.status != http.StatusOK {
			t.Fatalf("part %s: status %d, body %.500s", number, got.status, got.body)
		}
	}
	if names := stored(t, id); len(names) != 0 {
		t.Errorf("before it is complete, stored %q", names)
	}
	parts := u.parts(t)
	checkReceipt(t, id, longName, content, u.completed(t, parts...))
	callFor(t, http.StatusNotFound, nil, "GET", id, u.path(""), nil)
	// The answer was lost, and the client tries again.
	checkReceipt(t, id, longName, content, u.completed(t, parts...))
	if names := stored(t, id); !slices.Equal(names, []string{longName}) {
		t.Errorf("stored %q", names)
	}
}

// checkReceipt wants the receipt of a file as an inline upload gives it, and the
// file behind its URL.
func checkReceipt(t *testing.T, conversation, name string, content []byte, got receipt) {
	t.Helper()
	sum := sha256.Sum256(content)
	key := stack.Prefix + conversation + "/" + name
	if got.Key != key || got.Bucket != stack.Bucket || len(got.Files) != 1 {
		t.Fatalf("receipt %s", got.body)
	}
	f := got.Files[0]
	if f.Name != name || f.Key != key || f.Size != int64(len(content)) || f.SHA256 != hex.EncodeToString(sum[:]) ||
		f.ContentType != "video/mp4" || f.URL != got.Location {
		t.Errorf("file %+v at %s, want %s of %d bytes with the hash %x", f, got.Location, key, len(content), sum)
	}
	if !slices.Equal(got.UploadedFiles, []string{name}) || !slices.Equal(got.FileURLs, []string{got.Location}) || len(got.SkippedFiles) != 0 {
		t.Errorf("receipt %s", got.body)
	}
	status, header, fetched := fetch(t, got.Location)
	if status != http.StatusOK || !bytes.Equal(fetched, content) {
		t.Errorf("the URL gives status %d and %d bytes, want the %d that were sent", status, len(fetched), len(content))
	}
	checkDownload(t, name, header)
}

func TestPartsThatAreMissingOrSwappedMakeNoFile(t *testing.T) {
	id := conversation(t)
	content := random(t, 2*minPart)
	u := begin(t, id, "a.mp4", content)
	one, two := u.send(t, 1, content[:minPart]), u.send(t, 2, content[minPart:])
	for _, c := range []struct {
		name  string
		parts []part
	}{
		{"none", nil},
		{"all but the last", []part{one}},
		{"one that is not there", []part{one, two, {PartNumber: 3, ETag: one.ETag}}},
		{"in another order", []part{two, one}},
		{"one twice", []part{one, one}},
		{"with each other's ETags", []part{{PartNumber: 1, ETag: two.ETag}, {PartNumber: 2, ETag: one.ETag}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := u.complete(t, c.parts...)
			if got.status != http.StatusBadRequest {
				t.Errorf("status %d, want 400; body %.500s", got.status, got.body)
			}
			var words struct{ Detail, Message string }
			if err := json.Unmarshal(got.body, &words); err != nil || words.Detail == "" || words.Message != words.Detail {
				t.Errorf("body %.500s, error %v", got.body, err)
			}
		})
	}
	if names := stored(t, id); len(names) != 0 {
		t.Errorf("stored %q", names)
	}
	u.completed(t, one, two) // none of it did harm
}

func TestUploadBelongsToItsConversation(t *testing.T) {
	mine, other := conversation(t), conversation(t)
	content := []byte("content")
	u := begin(t, mine, "a.mp4", content)
	one := u.send(t, 1, content)
	stranger := begin(t, other, "a.mp4", content)
	for name, misuse := range map[string]parted{
		"its id and key in another conversation":          {Key: u.Key, UploadID: u.UploadID, conversation: other},
		"its id with a key of the other conversation":     {Key: stranger.Key, UploadID: u.UploadID, conversation: other},
		"its id with a path to it":                        {Key: stack.Prefix + other + "/../" + mine + "/a.mp4", UploadID: u.UploadID, conversation: other},
		"the other's id with its key":                     {Key: u.Key, UploadID: stranger.UploadID, conversation: mine},
		"its id with a key that nobody was given":         {Key: stack.Prefix + mine + "/b.mp4", UploadID: u.UploadID, conversation: mine},
		"an id that nobody was given":                     {Key: u.Key, UploadID: "0123456789abcdef.none", conversation: mine},
		"its id with a key outside of every conversation": {Key: "a.mp4", UploadID: u.UploadID, conversation: mine},
		"its id with a key without a name":                {Key: stack.Prefix + mine + "/", UploadID: u.UploadID, conversation: mine},
	} {
		t.Run(name, func(t *testing.T) {
			if got := call(t, "GET", misuse.conversation, misuse.path(""), nil); got.status != http.StatusNotFound {
				t.Errorf("parts: status %d, body %.300s", got.status, got.body)
			}
			if got := misuse.complete(t, one); got.status != http.StatusNotFound {
				t.Errorf("complete: status %d, body %.300s", got.status, got.body)
			}
			call(t, "DELETE", misuse.conversation, misuse.path(""), nil) // whatever it says, the upload goes on below
		})
	}
	if names := append(stored(t, mine), stored(t, other)...); len(names) != 0 {
		t.Errorf("stored %q", names)
	}
	got := u.completed(t, u.parts(t)...)
	checkReceipt(t, mine, "a.mp4", content, got)
}

func TestOfTwoUploadsThatRaceForANameOneGetsIt(t *testing.T) {
	id := conversation(t)
	first, second := []byte("first"), []byte("second")
	one, two := begin(t, id, "a.mp4", first), begin(t, id, "a.mp4", second)
	partOne, partTwo := one.send(t, 1, first), two.send(t, 1, second)
	checkReceipt(t, id, "a.mp4", first, one.completed(t, partOne))
	got := two.complete(t, partTwo)
	var words struct{ Code string }
	if err := json.Unmarshal(got.body, &words); err != nil || got.status != http.StatusConflict || words.Code != "name_taken" {
		t.Errorf("the second: status %d, body %.500s", got.status, got.body)
	}
	two = begin(t, id, "a.mp4", second)
	two.completed(t, two.send(t, 1, second))
	if names := stored(t, id); len(names) != 2 {
		t.Errorf("stored %q, want two files", names)
	}
	if _, _, content := fetch(t, call(t, "GET", id, "files/a.mp4", nil).header.Get("Location")); !bytes.Equal(content, first) {
		t.Errorf("a.mp4 has %q, want what came first", content)
	}
}

func TestAbortedUploadLeavesNothing(t *testing.T) {
	id := conversation(t)
	u := begin(t, id, "a.mp4", []byte("content"))
	one := u.send(t, 1, []byte("content"))
	for range 2 {
		callFor(t, http.StatusOK, nil, "DELETE", id, u.path(""), nil)
	}
	if got := u.complete(t, one); got.status != http.StatusNotFound {
		t.Errorf("complete: status %d, want 404", got.status)
	}
	if names := stored(t, id); len(names) != 0 {
		t.Errorf("stored %q", names)
	}
}

// The road of a client that speaks to S3 itself.
func TestEachRequestOfAnUploadCanBeSigned(t *testing.T) {
	id := conversation(t)
	content := []byte("content")
	sign := func(wish map[string]any) signed {
		t.Helper()
		var s signed
		callFor(t, http.StatusOK, &s, "POST", id, "s3/sign", toJSON(t, wish))
		return s
	}
	s := sign(map[string]any{"method": "POST", "key": "a.mp4", "contentType": "video/mp4"})
	begun := toS3(t, "POST", s.URL, s.Headers, nil, 0)
	_, rest, _ := strings.Cut(string(begun.body), "<UploadId>")
	uploadID, _, ok := strings.Cut(rest, "</UploadId>")
	if begun.status != http.StatusOK || !ok {
		t.Fatalf("begin: status %d, body %.500s", begun.status, begun.body)
	}
	upload := map[string]any{"key": s.Key, "uploadId": uploadID}
	with := func(method string, more map[string]any) signed {
		t.Helper()
		wish := map[string]any{"method": method}
		for _, m := range []map[string]any{upload, more} {
			for name, value := range m {
				wish[name] = value
			}
		}
		return sign(wish)
	}
	p := with("PUT", map[string]any{"partNumber": 1})
	sent := toS3(t, "PUT", p.URL, p.Headers, bytes.NewReader(content), int64(len(content)))
	if sent.status != http.StatusOK {
		t.Fatalf("part: status %d, body %.500s", sent.status, sent.body)
	}
	listed := with("GET", nil)
	if got := toS3(t, "GET", listed.URL, listed.Headers, nil, 0); got.status != http.StatusOK || !strings.Contains(string(got.body), "<PartNumber>1<") {
		t.Errorf("list: status %d, body %.500s", got.status, got.body)
	}
	c := with("POST", nil)
	body := fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag></Part></CompleteMultipartUpload>",
		sent.header.Get("ETag"))
	if got := toS3(t, "POST", c.URL, c.Headers, strings.NewReader(body), int64(len(body))); got.status != http.StatusOK {
		t.Fatalf("complete: status %d, body %.500s", got.status, got.body)
	}
	if names := stored(t, id); !slices.Equal(names, []string{"a.mp4"}) {
		t.Errorf("stored %q", names)
	}

	// And one that is given up.
	s = sign(map[string]any{"method": "POST", "key": "b.mp4", "contentType": "video/mp4"})
	begun = toS3(t, "POST", s.URL, s.Headers, nil, 0)
	_, rest, _ = strings.Cut(string(begun.body), "<UploadId>")
	uploadID, _, _ = strings.Cut(rest, "</UploadId>")
	upload = map[string]any{"key": s.Key, "uploadId": uploadID}
	a := with("DELETE", nil)
	if got := toS3(t, "DELETE", a.URL, a.Headers, nil, 0); got.status != http.StatusNoContent {
		t.Errorf("abort: status %d, body %.500s", got.status, got.body)
	}
}

// Who sends too much at once is told where to go on, and gets there.
func TestRequestThatIsTooLargeLeadsToTheDirectLane(t *testing.T) {
	id := conversation(t)
	content := random(t, 7<<20)
	got := send(t, id, []string{sessionKey(t)}, file{"a.mp4", content})
	if got.status != http.StatusRequestEntityTooLarge && stack.Deployed {
		t.Skipf("%s knows no gateway responses: status %d", stack.Name, got.status)
	}
	var body struct {
		Detail string
		Direct struct {
			Params, Multipart string
			MaxFileSize       int64 `json:"max_file_size"`
		}
	}
	if err := json.Unmarshal(got.body, &body); err != nil || got.status != http.StatusRequestEntityTooLarge {
		t.Fatalf("status %d, error %v, body %.500s", got.status, err, got.body)
	}
	if body.Detail == "" || body.Direct.MaxFileSize < int64(len(content)) {
		t.Errorf("body %s", got.body)
	}
	at, err := url.Parse(uploadURL(id))
	if err != nil {
		t.Fatal(err)
	}
	for reference, want := range map[string]string{body.Direct.Params: "s3/params", body.Direct.Multipart: "s3/multipart"} {
		to, err := at.Parse(reference)
		if err != nil || to.String() != apiURL(id, want) {
			t.Errorf("%q leads to %v, %v, want %s", reference, to, err, apiURL(id, want))
		}
	}
	if got := put(t, params(t, id, "a.mp4", content), content); got.status != http.StatusOK {
		t.Errorf("there: status %d, body %.500s", got.status, got.body)
	}
	if names := stored(t, id); !slices.Equal(names, []string{"a.mp4"}) {
		t.Errorf("stored %q", names)
	}
}
