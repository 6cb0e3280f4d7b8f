package uploads_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/openapi/openapitest"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/proof/contract"
)

// maxFetched bounds how many URLs of one answer are tried.
const maxFetched = 5

// maxBalanced is how many files one answer through a load balancer surely holds.
const maxBalanced = 600

// Every request of the contract has its answer, whatever stands in front of the
// function. Each gets a conversation of its own, so that no file meets another.
func TestVectors(t *testing.T) {
	s := startStack(t, nil)
	for i, v := range contract.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			sent := kinds
			if len(v.Want.Files) > manyFiles {
				sent = kinds[:1]
			}
			for _, kind := range sent {
				if isBalancer := kind == lambdahttp.ALB || kind == lambdahttp.ALBMultiValue; isBalancer && len(v.Want.Files) > maxBalanced {
					continue // its answer has over 1 MB, of which a load balancer makes a 502; so it is refused
				}
				r := vectorRequest(t, v, fmt.Sprintf("v%d-%s", i, kind), s.SecretValue)
				judge(t, string(kind), v, s.invoke(t, kind, r, v.Request.Body))
			}
			r := vectorRequest(t, v, fmt.Sprintf("v%d", i), s.SecretValue)
			judge(t, "over HTTP", v, s.overHTTP(t, r))
		})
	}
}

func vectorRequest(t *testing.T, v contract.Vector, conversation, key string) *http.Request {
	t.Helper()
	path := strings.Replace(v.Request.Path, "/abc123/", "/"+conversation+"/", 1)
	r, err := http.NewRequestWithContext(t.Context(), v.Request.Method, "https://api.example.com"+path, bytes.NewReader(v.Request.Body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range v.Request.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("X-Session-API-Key", key)
	return r
}

// overHTTP sends a request to the stand-in for API Gateway.
func (s *stack) overHTTP(t *testing.T, r *http.Request) gateway.Answer {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Scheme, r.URL.Host, r.Host = u.Scheme, u.Host, u.Host
	response, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	openapitest.Check(t, r, response)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}

func judge(t *testing.T, how string, v contract.Vector, got gateway.Answer) {
	t.Helper()
	if got.Status != v.Want.Status {
		t.Errorf("%s: status %d, want %d: %.300s", how, got.Status, v.Want.Status, got.Body)
		return
	}
	if contentType := got.Header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("%s: Content-Type %q", how, contentType)
	}
	if v.Want.Status != http.StatusOK {
		if diff := cmp.Diff(parsed(t, v.Want.JSON), parsed(t, got.Body)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", how, diff)
		}
		return
	}
	judgeFiles(t, how, v.Want.Files, decode(t, got.Body))
}

func parsed(t *testing.T, body []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%q is not JSON: %v", body, err)
	}
	return value
}

func judgeFiles(t *testing.T, how string, want []contract.File, got answer) {
	t.Helper()
	var names, sums, skipped []string
	taken := make(map[string]string)
	for _, f := range want {
		if f.SkipCode != "" {
			skipped = append(skipped, f.SkipCode)
			continue
		}
		names = append(names, storedName(t, f, taken))
		sums = append(sums, f.SHA256)
	}
	var gotSums, gotSkipped []string
	for i, f := range got.Files {
		gotSums = append(gotSums, f.SHA256)
		if i < maxFetched {
			if sum, _ := fetch(t, f.URL); sum != f.SHA256 {
				t.Errorf("%s: the URL of %q gives %s, want %s", how, f.Name, sum, f.SHA256)
			}
		}
	}
	for _, f := range got.Skipped {
		gotSkipped = append(gotSkipped, f.Code)
	}
	for _, list := range []struct {
		what      string
		want, got []string
	}{{"names", names, got.UploadedFiles}, {"hashes", sums, gotSums}, {"skipped", skipped, gotSkipped}} {
		if diff := cmp.Diff(append([]string{}, list.want...), append([]string{}, list.got...)); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", how, list.what, diff)
		}
	}
}

// storedName is the name under which a file of a vector is stored: safe, and
// another than that of an earlier file with other bytes.
func storedName(t *testing.T, f contract.File, taken map[string]string) string {
	t.Helper()
	name := f.StoredAs
	if name == "" {
		name = filename.Safe(f.Name, f.ContentType)
	}
	sum, ok := taken[name]
	if !ok {
		taken[name] = f.SHA256
		return name
	}
	if sum == f.SHA256 {
		return name
	}
	hash, err := hex.DecodeString(f.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return filename.WithHash(name, [32]byte(hash), 8)
}
