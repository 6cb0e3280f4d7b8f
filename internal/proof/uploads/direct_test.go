package uploads_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/proof/faults"
)

// A lane is a client of the direct lane of one conversation.
type lane struct {
	conversation string
	// call sends a request to the API and returns what is answered.
	call func(t *testing.T, method, path string, body []byte) (status int, answer []byte)
}

// direct is the lane by HTTP, through the stand-in for API Gateway.
func (s *stack) direct(conversation string) lane {
	return lane{conversation, func(t *testing.T, method, path string, body []byte) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Session-API-Key", s.SecretValue)
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, answer
	}}
}

// directLane is the lane by events, with S3 behind a proxy that breaks requests.
func (g *rig) directLane(conversation string) lane {
	return lane{conversation, func(t *testing.T, method, path string, body []byte) (int, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "https://api.example.com"+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Session-API-Key", g.SecretValue)
		r.Header.Set("Content-Type", "application/json")
		got := g.invoke(t, within(t, lambdaTime), g.app, lambdahttp.REST, r, body)
		return got.Status, got.Body
	}}
}

// ask decodes the answer into v, and returns the status and the code of a refusal.
func (l lane) ask(t *testing.T, method, path string, body, v any) (status int, code string) {
	t.Helper()
	var sent []byte
	if body != nil {
		sent, _ = json.Marshal(body)
	}
	status, answer := l.call(t, method, "/api/conversations/"+l.conversation+"/s3/"+path, sent)
	var refusal struct{ Detail, Message, Code string }
	if status != http.StatusOK {
		if err := json.Unmarshal(answer, &refusal); err != nil || refusal.Detail == "" || refusal.Message != refusal.Detail {
			t.Errorf("%s %s is answered %d %s", method, path, status, answer)
		}
		return status, refusal.Code
	}
	if err := json.Unmarshal(answer, v); err != nil {
		t.Errorf("%s %s is answered %s: %v", method, path, answer, err)
	}
	return status, ""
}

// signedPut is the answer to params.
type signedPut struct {
	Method, URL, Key string
	Headers          map[string]string
}

func (l lane) params(t *testing.T, query string) signedPut {
	t.Helper()
	var p signedPut
	if status, code := l.ask(t, "GET", "params?"+query, nil, &p); status != http.StatusOK || p.Method != http.MethodPut {
		t.Fatalf("params?%s is answered %d %s", query, status, code)
	}
	return p
}

// put sends bytes to S3 and returns its status, its ETag and its words.
func put(t *testing.T, url string, headers map[string]string, data []byte) (status int, etag, words string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header.Get("ETag"), string(body)
}

// partial is one upload in parts.
type partial struct {
	lane
	Key, UploadID string
}

type etagged struct {
	PartNumber int
	ETag       string
}

func (l lane) begin(t *testing.T, file map[string]any) partial {
	t.Helper()
	u := partial{lane: l}
	if status, code := l.ask(t, "POST", "multipart", file, &u); status != http.StatusOK {
		t.Fatalf("multipart is answered %d %s", status, code)
	}
	return u
}

// path is one of the upload, with more of a query.
func (u partial) path(rest, query string) string {
	return "multipart/" + u.UploadID + rest + "?key=" + url.QueryEscape(u.Key) + query
}

func (u partial) part(t *testing.T, number int, data []byte) etagged {
	t.Helper()
	var signed struct{ URL string }
	if status, code := u.ask(t, "GET", u.path(fmt.Sprintf("/%d", number), ""), nil, &signed); status != http.StatusOK {
		t.Fatalf("part %d is answered %d %s", number, status, code)
	}
	status, etag, words := put(t, signed.URL, nil, data)
	if status != http.StatusOK {
		t.Fatalf("S3 answers part %d with %d %s", number, status, words)
	}
	return etagged{number, etag}
}

func (u partial) complete(t *testing.T, parts ...etagged) (status int, code string, got answer) {
	t.Helper()
	status, code = u.ask(t, "POST", u.path("/complete", ""), map[string]any{"parts": parts}, &got)
	return status, code, got
}

// whole sends a file in one part.
func (l lane) whole(t *testing.T, name string, data []byte) (partial, etagged) {
	t.Helper()
	u := l.begin(t, map[string]any{"filename": name})
	return u, u.part(t, 1, data)
}

// fileAnswer is a file in an answer.
type fileAnswer struct{ Name, URL, SHA256, Status string }

// A client that has got no answer says the same again. It is told of its file, and
// one that does not listen makes no second one.
func TestAFileThatIsSentAgainIsStoredOnce(t *testing.T) {
	s := startStack(t, nil)
	content := []byte("hello report")
	said := map[string]any{"filename": "report.pdf", "type": "application/pdf", "size": len(content), "sha256": hexSum(content)}
	query := fmt.Sprintf("filename=report.pdf&type=application/pdf&size=%d&sha256=%s", len(content), hexSum(content))
	stored := func(t *testing.T, l lane, got *fileAnswer) {
		t.Helper()
		if got == nil || got.Name != "report.pdf" || got.SHA256 != hexSum(content) || got.Status != "" {
			t.Fatalf("%s: stored is %+v, want report.pdf", l.conversation, got)
		}
		if sum, _ := fetch(t, got.URL); sum != hexSum(content) {
			t.Errorf("%s: its URL gives %s", l.conversation, sum)
		}
	}
	onlyOne := func(t *testing.T, l lane) {
		t.Helper()
		if status, got := s.send(t, l.conversation, namedFile{"report.pdf", content}); status != http.StatusOK || got.Files[0].Name != "report.pdf" {
			t.Errorf("%s: the other lane is answered %d %v, want the same file", l.conversation, status, got.UploadedFiles)
		}
	}

	once := s.direct("again-in-one-go")
	for _, want := range []int{http.StatusOK, http.StatusPreconditionFailed, http.StatusPreconditionFailed} {
		var p struct {
			signedPut
			Stored *fileAnswer
		}
		if status, code := once.ask(t, "GET", "params?"+query, nil, &p); status != http.StatusOK || p.Key != "conversations/again-in-one-go/report.pdf" {
			t.Fatalf("params is answered %d %s with the key %q", status, code, p.Key)
		}
		if want != http.StatusOK {
			stored(t, once, p.Stored)
		}
		if status, _, words := put(t, p.URL, p.Headers, content); status != want {
			t.Errorf("S3 answers %d %s, want %d", status, words, want)
		}
	}
	onlyOne(t, once)

	parts := s.direct("again-in-parts")
	for try := range 3 {
		var begun struct {
			Key, UploadID string
			Stored        *fileAnswer
		}
		if status, code := parts.ask(t, "POST", "multipart", said, &begun); status != http.StatusOK {
			t.Fatalf("multipart is answered %d %s", status, code)
		}
		if try > 0 {
			stored(t, parts, begun.Stored)
		}
		u := partial{parts, begun.Key, begun.UploadID}
		part := u.part(t, 1, content)
		for range 2 { // its answer may be lost too
			status, code, got := u.complete(t, part)
			if status != http.StatusOK || got.Files[0].Key != "conversations/again-in-parts/report.pdf" {
				t.Errorf("try %d: complete is answered %d %s %v", try+1, status, code, got.Files)
			}
		}
	}
}

func TestALargeFileComesBackByteForByte(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("large")
	const partSize = 8 << 20
	content := random(t, 68<<20+123)
	u := l.begin(t, map[string]any{
		"filename": "報告 film.mp4", "type": "video/mp4",
		"metadata": map[string]any{"size": fmt.Sprint(len(content)), "sha256": hexSum(content), "name": "報告 film.mp4"},
	})
	count := (len(content) + partSize - 1) / partSize
	parts := make([]etagged, count)
	var sending sync.WaitGroup
	for i := range count - 1 {
		sending.Go(func() { parts[i] = u.part(t, i+1, content[i*partSize:(i+1)*partSize]) })
	}
	sending.Wait()

	// A client that has lost all but the upload's id goes on.
	var there []struct {
		PartNumber int
		Size       int64
		ETag       string
	}
	u.ask(t, "GET", u.path("", ""), nil, &there)
	if len(there) != count-1 || there[0].ETag != parts[0].ETag || there[count-2].Size != partSize {
		t.Fatalf("%d parts of %d are there: %+v", len(there), count-1, there)
	}
	parts[count-1] = u.part(t, count, content[(count-1)*partSize:])
	status, code, got := u.complete(t, parts...)
	if status != http.StatusOK || len(got.Files) != 1 {
		t.Fatalf("complete is answered %d %s %+v", status, code, got)
	}
	if f := got.Files[0]; f.Name != "報告 film.mp4" || f.Size != int64(len(content)) || f.SHA256 != hexSum(content) || f.Key != u.Key {
		t.Errorf("the receipt is %+v", f)
	}
	sum, header := fetch(t, got.FileURLs[0])
	if sum != hexSum(content) {
		t.Error("other bytes come back")
	}
	if header.Get("Content-Type") != "video/mp4" || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
		t.Errorf("it comes back as %v", header)
	}
	again, _, second := u.complete(t, parts...)
	if again != http.StatusOK || second.Files[0].Key != u.Key {
		t.Errorf("completing again is answered %d %+v", again, second)
	}
}

// Both lanes see each other's names, and the inline one finds its own bytes.
func TestTheLanesShareTheirNames(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("shared")
	if status, got := s.send(t, "shared", namedFile{"a.txt", []byte("inline")}); status != http.StatusOK || got.Files[0].Name != "a.txt" {
		t.Fatalf("inline: %d %+v", status, got)
	}
	p := l.params(t, "filename=a.txt&size=6")
	if p.Key == "conversations/shared/a.txt" {
		t.Errorf("the key %s is taken", p.Key)
	}
	if status, _, words := put(t, p.URL, p.Headers, []byte("direct")); status != http.StatusOK {
		t.Fatalf("PUT is answered %d %s", status, words)
	}
	if _, got := s.send(t, "shared", namedFile{"a.txt", []byte("inline")}); got.Files[0].Key != "conversations/shared/a.txt" {
		t.Errorf("sent again: %+v", got.Files)
	}
	p = l.params(t, "filename=b.txt&sha256="+hexSum([]byte("same")))
	put(t, p.URL, p.Headers, []byte("same"))
	if _, got := s.send(t, "shared", namedFile{"b.txt", []byte("same")}); got.Files[0].Key != p.Key {
		t.Errorf("the same bytes by the other lane: %+v, want %s", got.Files, p.Key)
	}
}

// T13: what is signed is what S3 takes, once.
func TestASignedPutWritesWhatItWasSignedForAndOnce(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("put")
	right := []byte("right")
	p := l.params(t, "filename=a.html&type=text/html&size=5&sha256="+hexSum(right))
	without := func(name string) map[string]string {
		headers := map[string]string{}
		for k, v := range p.Headers {
			if k != name {
				headers[k] = v
			}
		}
		return headers
	}
	with := func(name, value string) map[string]string {
		headers := without(name)
		headers[name] = value
		return headers
	}
	for name, test := range map[string]struct {
		url     string
		headers map[string]string
		body    []byte
	}{
		"longer":                  {p.URL, p.Headers, []byte("right!")},
		"shorter":                 {p.URL, p.Headers, []byte("righ")},
		"empty":                   {p.URL, p.Headers, nil},
		"other bytes":             {p.URL, p.Headers, []byte("wrong")},
		"another type":            {p.URL, with("Content-Type", "image/png"), right},
		"shown inline":            {p.URL, with("Content-Disposition", "inline"), right},
		"without the disposition": {p.URL, without("Content-Disposition"), right},
		"without the condition":   {p.URL, without("If-None-Match"), right},
		"another condition":       {p.URL, with("If-None-Match", `"x"`), right},
		"without the hash":        {p.URL, without("X-Amz-Checksum-Sha256"), right},
		"another key":             {strings.Replace(p.URL, "a.html", "b.html", 1), p.Headers, right},
		"another conversation":    {strings.Replace(p.URL, "/put/", "/other/", 1), p.Headers, right},
		"longer life":             {strings.Replace(p.URL, "X-Amz-Expires=3600", "X-Amz-Expires=7200", 1), p.Headers, right},
		"a part":                  {p.URL + "&partNumber=1&uploadId=u", p.Headers, right},
		"tags":                    {p.URL + "&tagging", p.Headers, right},
		"no signature":            {strings.Split(p.URL, "?")[0], p.Headers, right},
	} {
		if test.url == p.URL && test.headers == nil {
			t.Fatal("nothing is wrong")
		}
		if status, _, _ := put(t, test.url, test.headers, test.body); status < 400 || status >= 500 {
			t.Errorf("%s is answered %d", name, status)
		}
	}
	if again := l.params(t, "filename=a.html"); again.Key != p.Key {
		t.Fatalf("one of them has written %s", p.Key)
	}
	status, _, words := put(t, p.URL, p.Headers, right)
	if status != http.StatusOK {
		t.Fatalf("PUT is answered %d %s", status, words)
	}
	if status, _, _ := put(t, p.URL, p.Headers, right); status != http.StatusPreconditionFailed {
		t.Errorf("the second PUT is answered %d, want 412", status)
	}
	sized := l.params(t, "filename=sized&size=5")
	for _, wrong := range []string{"longer", "four", ""} {
		if status, _, _ := put(t, sized.URL, sized.Headers, []byte(wrong)); status != http.StatusForbidden {
			t.Errorf("%d bytes for 5 are answered %d, want 403", len(wrong), status)
		}
	}
	empty := l.params(t, "filename=empty&size=0")
	if status, _, _ := put(t, empty.URL, empty.Headers, []byte("x")); status < 400 {
		t.Errorf("a byte for an empty file is answered %d", status)
	}
	if status, _, words := put(t, empty.URL, empty.Headers, nil); status != http.StatusOK {
		t.Errorf("an empty file is answered %d %s", status, words)
	}
}

// T13: a Content-Encoding cannot be kept out of a signed request. It reaches
// nobody who downloads, not even who has sent the same bytes the other way.
func TestAnEncodingThatASenderClaimsIsNotServed(t *testing.T) {
	s := startStack(t, nil)
	content := []byte("these are no bytes of brotli")
	p := s.direct("encoding").params(t, "filename=a.txt&sha256="+hexSum(content))
	p.Headers["Content-Encoding"] = "br"
	if status, _, words := put(t, p.URL, p.Headers, content); status != http.StatusOK {
		t.Fatalf("PUT is answered %d %s", status, words)
	}
	status, got := s.send(t, "encoding", namedFile{"a.txt", content})
	if status != http.StatusOK || got.Files[0].Key != p.Key {
		t.Fatalf("the same bytes are answered %d %+v", status, got)
	}
	sum, header := fetch(t, got.FileURLs[0])
	if encoding := header.Get("Content-Encoding"); sum != hexSum(content) || encoding != "identity" && encoding != "" {
		t.Errorf("%s comes back, encoded as %q", sum, encoding)
	}
}

// T13: a URL of a part writes that part, of that length, for a while.
func TestASignedPartIsForThatPartOnly(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("part")
	u, other := l.begin(t, map[string]any{"filename": "a"}), l.begin(t, map[string]any{"filename": "b"})
	var signed struct{ URL string }
	u.ask(t, "GET", u.path("/1", "&size=3"), nil, &signed)
	for name, address := range map[string]string{
		"another part":     strings.Replace(signed.URL, "partNumber=1", "partNumber=2", 1),
		"another upload":   strings.Replace(signed.URL, strings.SplitN(u.UploadID, ".", 2)[1], strings.SplitN(other.UploadID, ".", 2)[1], 1),
		"another key":      strings.Replace(signed.URL, "/part/a", "/part/b", 1),
		"no part":          strings.Replace(signed.URL, "partNumber=1&", "", 1),
		"without its hash": strings.Replace(signed.URL, "X-Amz-Signature=", "X-Amz-Signature=0", 1),
	} {
		if address == signed.URL {
			t.Fatalf("%s: nothing is wrong", name)
		}
		if status, _, _ := put(t, address, nil, []byte("abc")); status < 400 || status >= 500 {
			t.Errorf("%s is answered %d", name, status)
		}
	}
	if status, _, _ := put(t, signed.URL, nil, []byte("abcd")); status != http.StatusForbidden {
		t.Errorf("a longer part is answered %d, want 403", status)
	}
	if status, _, words := put(t, signed.URL, nil, []byte("abc")); status != http.StatusOK {
		t.Errorf("the part is answered %d %s", status, words)
	}
	if status, code := u.ask(t, "GET", u.path("", ""), nil, new([]etagged)); status != http.StatusOK {
		t.Errorf("the parts are answered %d %s", status, code)
	}
}

func TestUploadURLsExpire(t *testing.T) {
	s := startStack(t, map[string]string{"URL_EXPIRY": "3s"})
	l := s.direct("expired")
	p := l.params(t, "filename=a")
	u := l.begin(t, map[string]any{"filename": "b"})
	var signed struct {
		URL     string
		Expires int
	}
	u.ask(t, "GET", u.path("/1", ""), nil, &signed)
	if signed.Expires != 3 {
		t.Errorf("a part's URL expires after %d s", signed.Expires)
	}
	time.Sleep(4100 * time.Millisecond) // whole seconds are counted
	for name, address := range map[string]string{"put": p.URL, "part": signed.URL} {
		// Uppy looks for these words, and asks for another URL.
		status, _, words := put(t, address, p.Headers, []byte("x"))
		if status != http.StatusForbidden || !strings.Contains(words, "<Message>Request has expired") {
			t.Errorf("%s: an expired URL is answered %d %s", name, status, words)
		}
	}
	if e := u.part(t, 1, []byte("x")); e.ETag == "" {
		t.Error("a new URL works not")
	}
}

// T13: an upload is worked on only under its own key, by its own conversation.
func TestAnUploadBelongsToItsConversation(t *testing.T) {
	s := startStack(t, nil)
	mine, theirs := s.direct("mine"), s.direct("theirs")
	u, p := mine.whole(t, "a.txt", []byte("mine"))
	foreign, other := theirs.whole(t, "a.txt", []byte("theirs"))
	withKey := func(l lane, id, key string) partial { return partial{lane: l, UploadID: id, Key: key} }
	for name, bad := range map[string]partial{
		"key and id of another":      withKey(theirs, u.UploadID, u.Key),
		"id of another":              withKey(theirs, u.UploadID, foreign.Key),
		"key of another":             withKey(mine, foreign.UploadID, foreign.Key),
		"another key":                withKey(mine, u.UploadID, "conversations/mine/b.txt"),
		"a folder further":           withKey(mine, u.UploadID, "conversations/mine/x/a.txt"),
		"a way out":                  withKey(mine, foreign.UploadID, "conversations/mine/../theirs/a.txt"),
		"another prefix":             withKey(mine, u.UploadID, "mine/a.txt"),
		"dots for an id":             withKey(mine, url.PathEscape("0123456789abcdef..."), u.Key),
		"an id that was never given": withKey(mine, "00000000-0000-0000-0000-000000000000", u.Key),
	} {
		for what, status := range map[string]int{
			"parts":    first(bad.ask(t, "GET", bad.path("", ""), nil, new([]etagged))),
			"complete": first(bad.ask(t, "POST", bad.path("/complete", ""), map[string]any{"parts": []etagged{p, other}[:1]}, new(answer))),
		} {
			if status != http.StatusNotFound {
				t.Errorf("%s: %s is answered %d, want 404", name, what, status)
			}
		}
		// What S3 is asked by the client, it answers itself.
		var signed struct{ URL string }
		if status, _ := bad.ask(t, "GET", bad.path("/1", ""), nil, &signed); status == http.StatusOK {
			if status, _, _ := put(t, signed.URL, nil, []byte("x")); status != http.StatusNotFound {
				t.Errorf("%s: a part is answered %d, want 404", name, status)
			}
		}
		if status, _ := bad.ask(t, "DELETE", bad.path("", ""), nil, new(struct{})); status != http.StatusOK && status != http.StatusNotFound {
			t.Errorf("%s: DELETE is answered %d", name, status)
		}
	}
	// Some stores make a path of an id.
	_, id, _ := strings.Cut(foreign.UploadID, ".")
	for _, uploadID := range []string{"../" + id, "..", "0123456789abcdef...", `..\` + id, id + "/1", "x&uploadId=" + id} {
		wish := map[string]any{"method": "DELETE", "key": u.Key, "uploadId": uploadID}
		if status, code := mine.ask(t, "POST", "sign", wish, new(signedPut)); status != http.StatusNotFound || code != "no_such_upload" {
			t.Errorf("to sign for the id %q is answered %d %s, want 404", uploadID, status, code)
		}
	}
	for _, test := range []struct {
		partial
		part    etagged
		content string
	}{{u, p, "mine"}, {foreign, other, "theirs"}} {
		status, code, got := test.complete(t, test.part)
		if status != http.StatusOK {
			t.Fatalf("complete is answered %d %s", status, code)
		}
		if sum, _ := fetch(t, got.FileURLs[0]); sum != hexSum([]byte(test.content)) {
			t.Errorf("%s has other bytes", test.Key)
		}
	}
}

func first(status int, _ string) int { return status }

func TestBrokenRulesOfTheDirectLane(t *testing.T) {
	const limit = direct.MinPart + 10
	s := startStack(t, map[string]string{
		"MAX_DIRECT_FILE_SIZE": fmt.Sprint(limit), "ALLOWED_TYPES": "text/plain,video/*", "ALLOWED_EXTENSIONS": ".txt,.mp4",
	})
	l := s.direct("rules")
	for query, want := range map[string]string{
		"filename=a.txt": "size_required",
		fmt.Sprint("filename=a.txt&size=", limit+1):    "too_large",
		"filename=a.exe&size=1":                        "extension_not_allowed",
		"filename=a.txt.exe&size=1":                    "extension_not_allowed",
		"filename=a&size=1&type=text/plain":            "extension_not_allowed",
		"filename=a.txt&size=1&metadata[sha256]=short": "bad_request",
	} {
		if status, code := l.ask(t, "GET", "params?"+query, nil, new(signedPut)); status < 400 || code != want {
			t.Errorf("params?%s is answered %d %s, want %s", query, status, code, want)
		}
	}
	u := l.begin(t, map[string]any{"filename": "a.mp4", "type": "video/mp4"})
	parts := []etagged{u.part(t, 1, make([]byte, direct.MinPart)), u.part(t, 2, make([]byte, 10))}
	for name, wrong := range map[string][]etagged{
		"missing": {parts[0], {3, parts[1].ETag}}, "swapped": {{1, parts[1].ETag}, {2, parts[0].ETag}},
		"order": {parts[1], parts[0]}, "none": {}, "wrong ETag": {parts[0], {2, `"0"`}},
	} {
		if status, code, _ := u.complete(t, wrong...); status != http.StatusBadRequest || code != "wrong_parts" {
			t.Errorf("%s: complete is answered %d %s, want wrong_parts", name, status, code)
		}
	}
	sized := l.begin(t, map[string]any{"filename": "c.mp4", "metadata": map[string]any{"size": direct.MinPart + 1}})
	if status, code, _ := sized.complete(t, sized.part(t, 1, make([]byte, direct.MinPart))); status != http.StatusBadRequest || code != "wrong_parts" {
		t.Errorf("all but the last byte: complete is answered %d %s, want wrong_parts", status, code)
	}
	if status, code, got := u.complete(t, parts...); status != http.StatusOK || got.Files[0].Size != limit {
		t.Errorf("the largest file is answered %d %s", status, code)
	}
	// One byte more in the last part is too much, and the upload is gone.
	u = l.begin(t, map[string]any{"filename": "b.mp4"})
	parts = []etagged{u.part(t, 1, make([]byte, direct.MinPart)), u.part(t, 2, make([]byte, 11))}
	if status, code, _ := u.complete(t, parts...); status != http.StatusRequestEntityTooLarge || code != "too_large" {
		t.Errorf("a part beyond the size is answered %d %s", status, code)
	}
	if status, code := u.ask(t, "GET", u.path("", ""), nil, new([]etagged)); status != http.StatusNotFound || code != "no_such_upload" {
		t.Errorf("then the upload is answered %d %s", status, code)
	}
	for range 2 {
		if status, _ := u.ask(t, "DELETE", u.path("", ""), nil, new(struct{})); status != http.StatusOK {
			t.Errorf("DELETE is answered %d", status)
		}
	}
}

// F27: of many clients with one name none is overwritten; a loser is told so,
// and gets its own name the next time.
func TestClientsThatRaceForANameAreAllKept(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("race")
	const clients = 8
	content := func(i int) []byte { return fmt.Appendf(nil, "client %d", i) }
	uploads, parts := make([]partial, clients), make([]etagged, clients)
	puts := make([]signedPut, clients)
	for i := range clients {
		uploads[i], parts[i] = l.whole(t, "same.txt", content(i))
		puts[i] = l.params(t, "filename=same.txt")
		if uploads[i].Key != uploads[0].Key || puts[i].Key != uploads[0].Key {
			t.Fatalf("the name is free, and client %d has %s and %s", i, uploads[i].Key, puts[i].Key)
		}
	}
	var won sync.Map
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			switch status, code, _ := uploads[i].complete(t, parts[i]); {
			case status == http.StatusOK:
				won.Store(string(content(i)), uploads[i].Key)
			case code != "name_taken":
				t.Errorf("upload %d is answered %d %s", i, status, code)
			}
		})
		all.Go(func() {
			switch status, _, words := put(t, puts[i].URL, puts[i].Headers, content(100+i)); status {
			case http.StatusOK:
				won.Store(string(content(100+i)), puts[i].Key)
			case http.StatusPreconditionFailed, http.StatusConflict:
			default:
				t.Errorf("put %d is answered %d %s", i, status, words)
			}
		})
	}
	all.Wait()
	winners := map[string]string{}
	won.Range(func(content, key any) bool { winners[hexSum([]byte(content.(string)))] = key.(string); return true })
	if len(winners) != 1 {
		t.Fatalf("%d clients have won %s", len(winners), uploads[0].Key)
	}
	for i := range clients {
		u, p := l.whole(t, "same.txt", content(200+i))
		status, code, _ := u.complete(t, p)
		if status != http.StatusOK || u.Key == uploads[0].Key {
			t.Errorf("the second try of %d is answered %d %s as %s", i, status, code, u.Key)
		}
		winners[hexSum(content(200+i))] = u.Key
	}
	for sum, key := range winners {
		if got := s.object(t, key); got != sum {
			t.Errorf("%s has other bytes", key)
		}
	}
}

// object is the hash of an object, read past the function.
func (s *stack) object(t *testing.T, key string) string {
	t.Helper()
	client := s3.NewFromConfig(s.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &s.S3Endpoint
		o.UsePathStyle = true
	})
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return hexSum(content)
}

// F28: the answers of S3 to an upload in parts are lost, late or wrong.
func TestFaultsOfAnUploadInPartsAreToldAsTheyAre(t *testing.T) {
	g := newRig(t)
	const post, get = http.MethodPost, http.MethodGet
	all := newAtOnce(t)
	for name, test := range map[string]struct {
		fault faults.Rule
		want  int
	}{
		"complete slow down once": {faults.Rule{Method: post, Times: 1, Fault: faults.S3(503, "SlowDown")}, 200},
		"complete lost":           {faults.Rule{Method: post, Times: 0, Fault: faults.ResetAfter}, 200},
		"complete never arrives":  {faults.Rule{Method: post, Times: 0, Fault: faults.ResetBefore}, 503},
		"complete hangs":          {faults.Rule{Method: post, Times: 0, Fault: faults.Hang}, 503},
		"complete conflict":       {faults.Rule{Method: post, Times: 0, Fault: faults.S3(409, "ConditionalRequestConflict")}, 503},
		"complete denied":         {faults.Rule{Method: post, Times: 0, Fault: faults.S3(403, "AccessDenied")}, 500},
		"parts once":              {faults.Rule{Method: get, Times: 1, Fault: faults.S3(503, "SlowDown")}, 200},
		"parts never":             {faults.Rule{Method: get, Times: 0, Fault: faults.ResetBefore}, 503},
		"head never":              {faults.Rule{Method: http.MethodHead, Times: 0, Fault: faults.ResetBefore}, 503},
	} {
		all.run(name, func(t *testing.T) {
			conversation := strings.ReplaceAll(name, " ", "-")
			u, p := g.directLane(conversation).whole(t, "a.txt", []byte(name))
			g.broken(conversation, test.fault)
			status, code, _ := u.complete(t, p)
			if status != test.want {
				t.Errorf("complete is answered %d %s, want %d", status, code, test.want)
			}
			g.broken(conversation)
			// The next try finds what there is, and there is one file.
			if status, code, got := u.complete(t, p); status != http.StatusOK || got.Files[0].Key != u.Key {
				t.Errorf("completing again is answered %d %s %+v", status, code, got)
			}
			want := map[string]string{u.Key: hexSum([]byte(name))}
			if diff := cmp.Diff(want, g.stored(t, conversation)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
	_ = all.tests.Wait() // the tests tell
	nothingRuns(t)
}

// A client that speaks to S3 itself: each request is signed, and no more.
func TestAClientThatSignsEachRequestUploads(t *testing.T) {
	s := startStack(t, nil)
	l := s.direct("sign")
	type signed struct {
		URL, Key string
		Headers  map[string]string
	}
	sign := func(wish map[string]any) (got signed) {
		t.Helper()
		if status, code := l.ask(t, "POST", "sign", wish, &got); status != http.StatusOK {
			t.Fatalf("%v is answered %d %s", wish, status, code)
		}
		return got
	}
	send := func(method string, s signed, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range s.Headers {
			r.Header.Set(name, value)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		words, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(words)
	}
	cut := func(text, from, to string) string {
		_, text, _ = strings.Cut(text, from)
		text, _, _ = strings.Cut(text, to)
		return text
	}
	created := sign(map[string]any{"method": "POST", "key": "x-film.mp4"})
	status, words := send("POST", created, "")
	id := cut(words, "<UploadId>", "<")
	if status != http.StatusOK || id == "" || created.Key != "conversations/sign/x-film.mp4" {
		t.Fatalf("create is answered %d %s for %s", status, words, created.Key)
	}
	wish := func(method string, more map[string]any) map[string]any {
		all := map[string]any{"method": method, "key": created.Key, "uploadId": id}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	part := sign(wish("PUT", map[string]any{"partNumber": 1}))
	if status, _, words := put(t, part.URL, part.Headers, []byte("film")); status != http.StatusOK {
		t.Fatalf("the part is answered %d %s", status, words)
	}
	status, words = send("GET", sign(wish("GET", nil)), "")
	etag := cut(words, "<ETag>", "<")
	if status != http.StatusOK || etag == "" {
		t.Fatalf("the parts are answered %d %s", status, words)
	}
	completion := sign(wish("POST", nil))
	body := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"

	// Another, larger part in its place is not what was signed.
	if status, _, words := put(t, part.URL, part.Headers, []byte("a longer film")); status != http.StatusOK {
		t.Fatalf("the part is answered %d %s", status, words)
	}
	_, words = send("GET", sign(wish("GET", nil)), "")
	longer := strings.Replace(body, etag, cut(words, "<ETag>", "<"), 1)
	if status, words := send("POST", completion, longer); status != http.StatusBadRequest {
		t.Errorf("completing with another part is answered %d %s, want 400", status, words)
	}
	unconditional := completion
	unconditional.Headers = nil
	if status, _ := send("POST", unconditional, longer); status != http.StatusForbidden {
		t.Errorf("completing without the conditions is answered %d, want 403", status)
	}
	if status, words := send("POST", sign(wish("POST", nil)), longer); status != http.StatusOK {
		t.Errorf("completing is answered %d %s", status, words)
	}
	if got := s.object(t, created.Key); got != hexSum([]byte("a longer film")) {
		t.Error("the file has other bytes")
	}
	if status, code := l.ask(t, "POST", "sign", wish("POST", nil), new(signed)); status != http.StatusNotFound {
		t.Errorf("to complete again is answered %d %s, want 404", status, code)
	}
	if status, words := send("DELETE", sign(wish("DELETE", nil)), ""); status != http.StatusNotFound && status != http.StatusNoContent {
		t.Errorf("to abort now is answered %d %s", status, words)
	}
}

// failingCurl fails once, where FAIL is among its arguments, as curl does where it
// is told to fail: with the body of the answer.
const failingCurl = `#!/bin/sh
case " $* " in *"$FAIL"*) if mkdir failed 2>/dev/null; then echo '{"detail":"no"}'; exit 22; fi ;; esac
exec '%s' "$@"
`

// The scripts of docs/api.md, as they stand there: one in which a request fails
// says so, and to run it again mends it.
func TestTheScriptsOfTheDocsUploadLargeFiles(t *testing.T) {
	for _, tool := range []string{"sh", "curl", "jq", "sha256sum", "dd", "grep"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	docs, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	scripts := regexp.MustCompile("(?s)```sh\n(set -eu\nFILE=film.mp4.*?)```").FindAllSubmatch(docs, -1)
	if len(scripts) != 2 {
		t.Fatalf("docs/api.md has %d scripts, want one for a file in one go and one for its parts", len(scripts))
	}
	s := startStack(t, nil)
	curl, _ := exec.LookPath("curl")
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "curl"), fmt.Appendf(nil, failingCurl, curl), 0o700); err != nil {
		t.Fatal(err)
	}
	content := random(t, 64<<20+1)
	for name, test := range map[string]struct {
		script int
		fail   string // among the arguments of the request that fails
	}{
		"put-not-signed":   {0, "/s3/params "},
		"put-not-sent":     {0, " -T film.mp4 "},
		"parts-not-begun":  {1, "/s3/multipart "},
		"first-not-sent":   {1, "partNumber=1&"},
		"last-not-sent":    {1, "partNumber=2&"},
		"parts-not-joined": {1, "/complete?"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "film.mp4"), content, 0o600); err != nil {
			t.Fatal(err)
		}
		run := func() ([]byte, error) {
			command := exec.CommandContext(t.Context(), "sh", "-c", string(scripts[test.script][1]))
			command.Dir = dir
			command.Env = append(os.Environ(), "API="+s.URL, "CONVERSATION="+name, "KEY="+s.SecretValue,
				"PATH="+bin+":"+os.Getenv("PATH"), "FAIL="+test.fail)
			return command.CombinedOutput()
		}
		if out, err := run(); err == nil {
			t.Errorf("%s: the script ends well: %s", name, out)
		}
		if out, err := run(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
			continue
		}
		if got := s.object(t, "conversations/"+name+"/film.mp4"); got != hexSum(content) {
			t.Errorf("%s: other bytes are stored", name)
		}
	}
}
