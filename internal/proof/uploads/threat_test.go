package uploads_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/version"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/faults"
)

// hostileNames are the collections of internal/deployed/filename.
func hostileNames(t *testing.T) []string {
	t.Helper()
	dir := filepath.Join("..", "..", "deployed", "filename", "testdata")
	text, err := os.ReadFile(filepath.Join(dir, "blns.json"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no names in %s: %v", dir, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				continue // a comment or an empty line
			}
			name, err := strconv.Unquote(quoted)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
	}
	for _, name := range slices.Clone(names) {
		if strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) {
			names = append(names, name+"/front.txt", "a/"+name+"/middle.txt", "a/end/"+name)
		}
	}
	return append(names,
		strings.Repeat("d/", 2000)+"x.txt", strings.Repeat("x", 4000)+"/"+strings.Repeat("y", 3000)+".txt",
		"CON/aux.txt", "a./b", "a/b", "hostile", "hostile/x", "conversations/other/x", "../../other/x.txt", "..", "%2e%2e%2f%2e%2e%2fx", "a\r\nSet-Cookie: x=1\r\n\r\n.txt", `a"; filename="b.html`,
		"a\u2028b.txt", "a\n{\"level\":\"ERROR\",\"msg\":\"forged\"}", strings.Repeat("ü", 200)+".txt", strings.Repeat("長", 300), "x\x00.png",
	)
}

// rawForm writes names as browsers do: as they are, but for quotes and line ends.
func rawForm(names []string, content func(i int) string) (body []byte, contentType string) {
	escape := strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")
	var b bytes.Buffer
	for i, name := range names {
		fmt.Fprintf(&b, "--x-y-z\r\nContent-Disposition: form-data; name=\"files\"; filename=\"%s\"\r\n\r\n%s\r\n", escape.Replace(name), content(i))
	}
	b.WriteString("--x-y-z--\r\n")
	return b.Bytes(), "multipart/form-data; boundary=x-y-z"
}

func (g *rig) post(t *testing.T, conversation string, body []byte, contentType string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"https://api.example.com/api/conversations/"+conversation+"/upload-files", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Session-API-Key", g.SecretValue)
	return r
}

// T1, T2, T6, T12: on the whole road, with a real S3 at its end.
func TestHostileNamesStayInTheirConversation(t *testing.T) {
	g := newRig(t)
	names := hostileNames(t)
	const batch = 100
	stored := 0
	for from := 0; from < len(names); from += batch {
		part := names[from:min(from+batch, len(names))]
		content := func(i int) string { return fmt.Sprintf("%s %d", fileMark, from+i) }
		body, contentType := rawForm(part, content)
		got := g.invoke(t, t.Context(), g.app, lambdahttp.REST, g.post(t, "hostile", body, contentType), body)
		a := decode(t, got.Body)
		if got.Status != http.StatusOK || len(a.Files) != len(part) {
			t.Fatalf("status %d, %d of %d files: %.300s", got.Status, len(a.Files), len(part), got.Body)
		}
		for i, f := range a.Files {
			stored++
			segment, own := strings.CutPrefix(f.Key, "conversations/hostile/")
			if !own || segment != f.Name || strings.ContainsAny(segment, "\\\x00\r\n") || path.Clean("/"+segment) != "/"+segment ||
				segment == "" || len(f.Key) > 1024 || !utf8.ValidString(f.Key) {
				t.Errorf("%+q is stored as %+q", part[i], f.Key)
			}
			sum, header := fetch(t, f.URL)
			if sum != hexSum([]byte(content(i))) {
				t.Errorf("%+q: its URL gives other bytes", part[i])
			}
			isAttachment(t, header.Values("Content-Disposition"), f.Name)
		}
	}
	if n := len(g.stored(t, "hostile")); n != stored {
		t.Errorf("%d objects, want %d", n, stored)
	}
	if n := len(g.stored(t, "other")); n != 0 {
		t.Errorf("%d objects in another conversation", n)
	}
}

// isAttachment wants one header that saves a file of this name.
func isAttachment(t *testing.T, values []string, name string) {
	t.Helper()
	if len(values) != 1 {
		t.Errorf("%+q: Content-Disposition %q, want one", name, values)
		return
	}
	kind, params, err := mime.ParseMediaType(values[0])
	if err != nil || kind != "attachment" || params["filename"] != path.Base(name) {
		t.Errorf("%+q downloads as %q, %v", name, values[0], err)
	}
}

// T6: neither the URL nor the object itself shows in a browser.
func TestActiveFilesNeverShowInline(t *testing.T) {
	g := newRig(t)
	files := []namedFile{
		{"a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)},
		{"a.html", []byte("<!DOCTYPE html><script>alert(1)</script>")},
		{"a.png", []byte("<html><script>alert(1)</script>")},
		{"a.xhtml", []byte(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`)},
		{"a.js", []byte("alert(1)")}, {"a.pdf", []byte("%PDF-1.4")}, {"a.txt", []byte("text")},
	}
	got := g.upload(t, t.Context(), "active", files...)
	for _, f := range g.agree(t, "active", got, len(files)).Files {
		_, header := fetch(t, f.URL)
		isAttachment(t, header.Values("Content-Disposition"), f.Name)
		object, err := g.direct.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &g.Bucket, Key: &f.Key})
		if err != nil {
			t.Fatal(err)
		}
		isAttachment(t, []string{aws.ToString(object.ContentDisposition)}, f.Name)
		plain, _, _ := strings.Cut(f.URL, "&response-content-disposition")
		response, err := http.Get(plain)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			t.Errorf("%s: the URL works without its signature", f.Name)
		}
	}
}

// T3: no id leads out of its conversation, whatever brings it.
func TestHostileConversationIDsReachNothing(t *testing.T) {
	g := newRig(t)
	g.works(t, "warm", three()...)
	g.store.Forget()
	ids := []string{
		"..%2F..%2Fx", "%2e%2e", "%252e%252e%252fx", "..", ".", "a%00b", "a%5Cb", "a%3Fx=1", "a%23b", "a%20b", "a%25b",
		strings.Repeat("a", 101), "a%0D%0AX:y", "a;b", "a%2Fb", "%E2%80%AEa", "a%C0%AFb", "%", "a/../../b", "*", "a%2e%2e", "{id}",
	}
	body, contentType := rawForm([]string{"a.txt"}, func(int) string { return "a" })
	for _, id := range ids {
		for _, kind := range kinds {
			r := g.post(t, "x", body, contentType)
			r.URL.RawPath = "/api/conversations/" + id + "/upload-files"
			r.URL.Path = r.URL.RawPath
			if decoded, err := url.PathUnescape(r.URL.RawPath); err == nil {
				r.URL.Path = decoded
			}
			got := g.invoke(t, t.Context(), g.app, kind, r, body)
			if got.Status != http.StatusBadRequest && got.Status != http.StatusNotFound {
				t.Errorf("%s, %q: status %d: %s", kind, id, got.Status, got.Body)
			}
		}
	}
	if seen := g.store.Requests(); len(seen) != 0 {
		t.Errorf("%d requests to S3, the first %v", len(seen), seen[0])
	}
}

// T5: a key opens its own conversation.
func TestKeyOfAConversationOpensNoOther(t *testing.T) {
	const keyA, keyB = "the-key-of-conversation-a", "the-key-of-conversation-b"
	g := newRig(t, "SESSION_KEY_SECRET", "chat/{conversation_id}/key")
	g.setSecret(t, "chat/a/key", map[string]string{secretstore.Current: keyA})
	g.setSecret(t, "chat/b/key", map[string]string{secretstore.Current: keyB})

	master := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	derived := newRig(t)
	value := fmt.Sprintf(`{"master_keys": {"1": %q}}`, master)
	derived.setSecret(t, derived.Secret, map[string]string{secretstore.Current: value})
	mint := func(conversation string, expires time.Time) string {
		key, err := session.Mint(value, "", conversation, expires)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	soon := time.Now().Add(time.Hour)
	for _, test := range []struct {
		name         string
		g            *rig
		conversation string
		key          string
		want         int
	}{
		{"own key", g, "a", keyA, 200}, {"own key", g, "b", keyB, 200},
		{"key of another", g, "b", keyA, 401}, {"key of another", g, "a", keyB, 401},
		{"no such conversation", g, "c", keyA, 401}, {"conversation named as part of a path", g, "key", keyA, 401},
		{"derived", derived, "a", mint("a", soon), 200},
		{"derived for another", derived, "b", mint("a", soon), 401},
		{"derived for a prefix", derived, "ab", mint("a", soon), 401},
		{"expired", derived, "a", mint("a", time.Now().Add(time.Second)), 401},
		{"the secret itself", derived, "a", master, 401},
	} {
		if test.name == "expired" {
			time.Sleep(2 * time.Second)
		}
		test.g.store.Forget()
		got := test.g.uploadTo(t, t.Context(), test.g.app, test.key, test.conversation, three()...)
		if got.Status != test.want {
			t.Errorf("%s on %q: status %d, want %d: %s", test.name, test.conversation, got.Status, test.want, got.Body)
		}
		if n := len(test.g.store.Requests()); got.Status != http.StatusOK && n != 0 {
			t.Errorf("%s on %q: %d requests to S3", test.name, test.conversation, n)
		}
	}
}

// T8, T10: bad keys cost nothing but the function's own time.
func TestFloodOfBadKeysCostsNothing(t *testing.T) {
	g := newRig(t)
	body, contentType := rawForm([]string{"a.txt"}, func(int) string { return fileMark })
	bad := []string{"", "short", g.SecretValue[1:], g.SecretValue + "x", g.SecretValue + "," + g.SecretValue, g.SecretValue + ",x",
		"x," + g.SecretValue, strings.ToLower(g.SecretValue), strings.Repeat("k", 513), "sk1.1.99999999999." + strings.Repeat("A", 43)}
	for i := range 1000 {
		r := g.post(t, fmt.Sprintf("flood-%d", i), body, contentType)
		r.Header.Set("X-Session-API-Key", bad[i%len(bad)])
		if i%97 == 0 {
			r.Header["X-Session-Api-Key"] = []string{g.SecretValue, g.SecretValue}
		}
		// A REST API and a load balancer without multi-value headers hand on one of two keys.
		kind := []lambdahttp.Kind{lambdahttp.REST, lambdahttp.HTTPAPI, lambdahttp.FunctionURL, lambdahttp.ALBMultiValue}[i%4]
		if got := g.invoke(t, t.Context(), g.app, kind, r, body); got.Status != http.StatusUnauthorized {
			t.Fatalf("%s, key %q: status %d: %s", kind, r.Header["X-Session-Api-Key"], got.Status, got.Body)
		}
	}
	if n := len(g.store.Requests()); n != 0 {
		t.Errorf("%d requests to S3, want none", n)
	}
	// The first, one for each 10 seconds, and one for the version before.
	if n := len(g.secrets.Requests()); n > 6 {
		t.Errorf("%d calls to the secret store for 1000 bad keys", n)
	}
	g.works(t, "after-the-flood", three()...)
}

// T10: conversations that somebody makes up do not become calls without end.
func TestFloodOfMadeUpConversationsIsBounded(t *testing.T) {
	g := newRig(t, "SESSION_KEY_SECRET", "chat/{conversation_id}/key")
	g.setSecret(t, "chat/mine/key", map[string]string{secretstore.Current: g.SecretValue})
	g.works(t, "mine", three()...)
	g.secrets.Forget()
	begun := time.Now()
	for i := range 1000 {
		got := g.uploadTo(t, t.Context(), g.app, g.SecretValue, fmt.Sprintf("made-up-%d", i))
		if got.Status != http.StatusUnauthorized && got.Status != http.StatusServiceUnavailable {
			t.Fatalf("status %d: %s", got.Status, got.Body)
		}
	}
	most := 120 + int(2*time.Since(begun).Seconds()) + 1
	if n := len(g.secrets.Requests()); n > most {
		t.Errorf("%d calls to the secret store, want at most %d", n, most)
	}
	g.works(t, "mine", three()...)
}

// takesAnyone makes the secret store answer whatever credentials ask.
func (g *rig) takesAnyone() {
	g.secrets.Script("", faults.Rule{Fault: faults.Answer(200, "application/x-amz-json-1.1",
		fmt.Sprintf(`{"SecretString":%q,"VersionId":"v"}`, g.SecretValue))})
}

// T12: with the credentials of a role, which carry a session token. The local
// services take none, so that answers of our own stand in for them.
func TestTheTokenOfTheRoleIsInURLsOnly(t *testing.T) {
	g := newRig(t)
	g.takesAnyone()
	const token = "session-token-of-the-role"
	log := slog.New(slog.NewJSONHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	role := g.start(t, log, credentials.NewStaticCredentialsProvider("ASIAROLE", "secret-key-of-the-role", token))
	for conversation, fault := range map[string]faults.Fault{
		"fine": faults.Answer(200, "text/plain", ""), "denied": faults.S3(403, "AccessDenied"),
		"broken": faults.ResetBefore, "slow": faults.S3(503, "SlowDown"), "invalid": faults.S3(400, "InvalidToken"),
	} {
		g.broken(conversation, faults.Rule{Fault: fault})
		got := g.uploadTo(t, t.Context(), role, g.SecretValue, conversation, three()...)
		if (got.Status == http.StatusOK) != (conversation == "fine") {
			t.Errorf("%s: status %d", conversation, got.Status)
		}
		if n := bytes.Count(got.Body, []byte(token)); n != 0 && n != 6 || n == 6 != (conversation == "fine") {
			t.Errorf("%s: the token is %d times in the answer: %s", conversation, n, got.Body)
		}
	}
	for _, secret := range []string{token, "secret-key-of-the-role", "ASIAROLE", "X-Amz-Security-Token"} {
		if strings.Contains(g.log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, g.log.String())
		}
	}
}

// T12: nothing that a client sends makes a line of the log. That each line is one
// is judged for every test, by searchForSecrets.
func TestClientsWriteNoLogLines(t *testing.T) {
	g := newRig(t)
	forged := "a\n{\"time\":\"2026\",\"level\":\"ERROR\",\"msg\":\"forged\"}"
	body, contentType := rawForm([]string{forged}, func(int) string { return "a" })
	before := strings.Count(g.log.String(), "\n")
	requests := 0
	for _, kind := range kinds {
		for _, change := range []func(*http.Request){
			func(*http.Request) {},
			func(r *http.Request) { r.Header.Set("X-Session-API-Key", forged) },
			func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", forged) },
			func(r *http.Request) { r.Header.Set("X-Forwarded-For", forged) },
			func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary="+forged) },
			func(r *http.Request) { r.URL.Path = "/api/conversations/" + forged + "/upload-files" },
		} {
			r := g.post(t, "log", body, contentType)
			change(r)
			g.invoke(t, t.Context(), g.app, kind, r, body)
			requests++
		}
	}
	if n := strings.Count(g.log.String(), "\n") - before; n != requests {
		t.Errorf("%d lines for %d requests:\n%s", n, requests, g.log.String())
	}
}

// T17: what a client says of itself changes neither URLs nor the log.
func TestForgedHeadersChangeNothing(t *testing.T) {
	g := newRig(t)
	for _, kind := range kinds {
		body, contentType := rawForm([]string{"a.txt"}, func(int) string { return string(kind) })
		r := g.post(t, "forged-"+string(kind), body, contentType)
		r.RemoteAddr = "203.0.113.9:1234"
		r.Host = "evil.example.org"
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-For", "X-Real-Ip", "Forwarded", "X-Forwarded-Proto", "X-Original-Url", "X-Http-Method-Override"} {
			r.Header.Set(name, "198.51.100.66")
		}
		got := g.invoke(t, t.Context(), g.app, kind, r, body)
		a := g.agree(t, "forged-"+string(kind), got, 1)
		if len(a.FileURLs) != 1 || !strings.HasPrefix(a.FileURLs[0], g.S3Endpoint+"/") {
			t.Errorf("%s: status %d: %s", kind, got.Status, got.Body)
		}
		for _, claim := range []string{"198.51.100.66", "evil.example.org"} {
			if bytes.Contains(got.Body, []byte(claim)) {
				t.Errorf("%s: the answer holds %q: %s", kind, claim, got.Body)
			}
			if log := g.log.String(); strings.Contains(log, `"source_ip":"`+claim) {
				t.Errorf("%s: the log believes %q:\n%s", kind, claim, log)
			}
		}
	}
}

// T18: at or above the versions that mend what is known, by the lists of
// https://pkg.go.dev/vuln; .ci/vulnerabilities asks for what is new.
func TestVersionsHaveTheKnownFixes(t *testing.T) {
	if goVersion := runtime.Version(); version.Compare(goVersion, "go1.26.6") < 0 {
		t.Errorf("built by %s, want go1.26.6 or later: CVE-2026-56860", goVersion)
	}
	// A test's own build information names no modules.
	const module, fixed = "github.com/aws/aws-sdk-go-v2/service/s3", "go1.97.3" // GO-2026-5764
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Version}}", module).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); version.Compare("go"+strings.TrimPrefix(got, "v"), fixed) < 0 {
		t.Errorf("%s is %s, want v%s or later", module, got, fixed[2:])
	}
}

// T20: only the two settings of the function's own say where its services are.
func TestEndpointsComeFromTheSettingsOnly(t *testing.T) {
	for _, name := range []string{
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_S3_ENDPOINT", "HTTP_ENDPOINT",
	} {
		t.Setenv(name, "http://evil.example.org")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte("[default]\nendpoint_url = http://evil.example.org\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var hosts []string
	client := roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		hosts = append(hosts, r.URL.Scheme+"://"+r.URL.Host)
		return nil, fmt.Errorf("no network in tests")
	})
	settings, err := uploadfunction.ParseSettings(env("SESSION_KEY_CACHE", "1s"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := aws.Config{
		Region: "eu-west-1", HTTPClient: client, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
	}
	uploadfunction.New(cfg, settings, slog.New(slog.DiscardHandler)).Warm(within(t, 5*time.Second))
	if len(hosts) == 0 {
		t.Fatal("no request was made")
	}
	for _, host := range hosts {
		if !strings.HasPrefix(host, "https://") || !strings.HasSuffix(host, ".amazonaws.com") {
			t.Errorf("a request goes to %s", host)
		}
	}
}

// roundTrip is an HTTP client of the SDK.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }

// F24: the largest answer fits into what is handed on, by Lambda and by a load
// balancer, and nothing is stored where it would not.
func TestLargestAnswerFitsIntoLambda(t *testing.T) {
	g := newRig(t)
	g.takesAnyone()
	// As long as the tokens of Lambda's roles come.
	token := strings.Repeat("IQoJb3JpZ2luX2VjE+/", 80)
	role := g.start(t, slog.New(slog.NewJSONHandler(&g.log, nil)), credentials.NewStaticCredentialsProvider("ASIAROLE", "secret", token))
	g.broken("large", faults.Rule{Fault: faults.Answer(200, "text/plain", "")})
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("%s%03d.txt", strings.Repeat("長", 82), i)
	}
	for _, test := range []struct {
		kind       lambdahttp.Kind
		limit      int
		over, fits []string
	}{
		{lambdahttp.REST, 6 << 20, names, names[:600]},
		{lambdahttp.HTTPAPI, 6 << 20, names, names[:600]},
		{lambdahttp.ALB, 1_000_000, names[:100], names[:90]},
		{lambdahttp.ALBMultiValue, 1_000_000, names[:100], names[:90]},
	} {
		send := func(names []string) []byte {
			t.Helper()
			body, contentType := rawForm(names, func(i int) string { return fmt.Sprint(i) })
			event, err := gateway.Event(test.kind, g.post(t, "large", body, contentType), body, gateway.Options{BinaryTypes: []string{"*/*"}})
			if err != nil {
				t.Fatal(err)
			}
			response, err := role.Invoke(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			return response
		}
		before := len(g.store.Requests())
		if response := send(test.over); !bytes.Contains(response, []byte(`"statusCode":413`)) {
			t.Errorf("%s: more than an answer holds is answered %.200s; want 413", test.kind, response)
		}
		if n := len(g.store.Requests()) - before; n != 0 {
			t.Errorf("%s: %d requests to S3, want none", test.kind, n)
		}
		response := send(test.fits)
		if len(response) > test.limit || len(response) < test.limit*3/4 || !bytes.Contains(response, []byte(`"statusCode":200`)) {
			t.Errorf("%s: the answer has %d bytes, want up to the %d that are handed on: %.200s", test.kind, len(response), test.limit, response)
		}
	}
}

// F24: what a load balancer hands on is a sixth of Lambda's. Without a role's
// token, a thousand small files have an answer between the two.
func TestAThousandFilesThroughALoadBalancerAreRefusedAndFewerStored(t *testing.T) {
	g := newRig(t)
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("f%04d.txt", i)
	}
	for _, kind := range []lambdahttp.Kind{lambdahttp.ALB, lambdahttp.ALBMultiValue} {
		conversation := string(kind)
		for _, test := range []struct{ files, status, stored int }{{1000, http.StatusRequestEntityTooLarge, 0}, {600, http.StatusOK, 600}} {
			body, contentType := rawForm(names[:test.files], func(i int) string { return fmt.Sprint(i) })
			got := g.invoke(t, t.Context(), g.app, kind, g.post(t, conversation, body, contentType), body)
			if got.Status != test.status {
				t.Errorf("%s: %d files are answered %d %.200s, want %d", kind, test.files, got.Status, got.Body, test.status)
			}
			if n := len(g.stored(t, conversation)); n != test.stored {
				t.Errorf("%s: of %d files %d are stored, want %d", kind, test.files, n, test.stored)
			}
		}
	}
}
