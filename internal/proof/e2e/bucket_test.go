package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// preflight asks as a browser does before it lets a page call.
func preflight(t *testing.T, url, origin, method, headers string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", method)
	if headers != "" {
		r.Header.Set("Access-Control-Request-Headers", headers)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response
}

func TestPageOfTheAllowedOriginMayUploadAndFetch(t *testing.T) {
	id := conversation(t)
	api := preflight(t, uploadURL(id), stack.Origin, "POST", "x-session-api-key")
	if api.StatusCode != http.StatusNoContent || api.Header.Get("Access-Control-Allow-Origin") != stack.Origin ||
		!strings.Contains(strings.ToLower(api.Header.Get("Access-Control-Allow-Headers")), "x-session-api-key") ||
		!strings.Contains(api.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight of the API: status %d, %v", api.StatusCode, api.Header)
	}
	url := upload(t, id, file{"a.txt", []byte("a")}).FileURLs[0]
	store := preflight(t, url, stack.Origin, "GET", "")
	if store.StatusCode != http.StatusOK || store.Header.Get("Access-Control-Allow-Origin") != stack.Origin {
		t.Errorf("preflight of the bucket: status %d, %v", store.StatusCode, store.Header)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", stack.Origin)
	got, err := do(r)
	if origin := got.header.Get("Access-Control-Allow-Origin"); string(got.body) != "a" || origin != stack.Origin {
		t.Errorf("a page fetches %q, Access-Control-Allow-Origin %q, error %v", got.body, origin, err)
	}
}

func TestPageOfAnotherOriginMayNot(t *testing.T) {
	id := conversation(t)
	const stranger = "https://stranger.example"
	if got := preflight(t, uploadURL(id), stranger, "POST", "x-session-api-key").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("the API allows %q", got)
	}
	url := upload(t, id, file{"a.txt", []byte("a")}).FileURLs[0]
	if got := preflight(t, url, stranger, "GET", "").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("the bucket allows %q", got)
	}
}

// fromTemplate skips a test of what template.yaml says about the bucket.
func fromTemplate(t *testing.T) {
	t.Helper()
	if !stack.Deployed {
		t.Skipf("the bucket of %s is not made from template.yaml", stack.Name)
	}
}

// A page sends what was signed for it, to the bucket as well, and nothing else.
func TestPageMaySendToTheBucketWhatIsSigned(t *testing.T) {
	id := conversation(t)
	s := params(t, id, "a.txt", []byte("a"))
	var headers []string
	for name := range s.Headers {
		headers = append(headers, strings.ToLower(name))
	}
	slices.Sort(headers)
	allowed := preflight(t, s.URL, stack.Origin, "PUT", strings.Join(headers, ","))
	if allowed.StatusCode != http.StatusOK || allowed.Header.Get("Access-Control-Allow-Origin") != stack.Origin {
		t.Errorf("preflight of a PUT with %q: status %d, %v", headers, allowed.StatusCode, allowed.Header)
	}
	for _, name := range headers {
		if got := allowed.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(strings.ToLower(got), name) && got != "*" {
			t.Errorf("the bucket allows %q, not %s", got, name)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), s.Method, s.URL, strings.NewReader("a"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range s.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Origin", stack.Origin)
	got, err := do(r)
	if exposed := strings.ToLower(got.header.Get("Access-Control-Expose-Headers")); err != nil || got.status != http.StatusOK || !strings.Contains(exposed, "etag") {
		t.Errorf("PUT: status %d, exposed %q, error %v", got.status, exposed, err)
	}
	if got := preflight(t, s.URL, "https://stranger.example", "PUT", ""); got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin may: %v", got.Header)
	}
}

func TestPageMayNotSendToTheBucketWhatIsNotSigned(t *testing.T) {
	fromTemplate(t)
	s := params(t, conversation(t), "a.txt", []byte("a"))
	for _, name := range []string{"x-amz-acl", "x-amz-tagging", "x-amz-copy-source", "authorization"} {
		if got := preflight(t, s.URL, stack.Origin, "PUT", name); got.StatusCode == http.StatusOK {
			t.Errorf("the bucket lets a page send %s: %v", name, got.Header)
		}
	}
}

func TestBucketKeepsVersionsAndCleansUp(t *testing.T) {
	fromTemplate(t)
	versioning, err := bucket().GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &stack.Bucket})
	if err != nil || versioning.Status != types.BucketVersioningStatusEnabled {
		t.Errorf("versioning %+v, %v", versioning, err)
	}
	lifecycle, err := bucket().GetBucketLifecycleConfiguration(t.Context(),
		&s3.GetBucketLifecycleConfigurationInput{Bucket: &stack.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	var aborts, noncurrent, expires bool
	for _, rule := range lifecycle.Rules {
		if rule.Status != types.ExpirationStatusEnabled {
			t.Errorf("rule %s is %s", aws.ToString(rule.ID), rule.Status)
		}
		aborts = aborts || rule.AbortIncompleteMultipartUpload != nil && aws.ToInt32(rule.AbortIncompleteMultipartUpload.DaysAfterInitiation) == 7
		noncurrent = noncurrent || rule.NoncurrentVersionExpiration != nil
		expires = expires || rule.Expiration != nil && aws.ToInt32(rule.Expiration.Days) > 0 && aws.ToString(rule.Filter.Prefix) == stack.Prefix
	}
	if !aborts || !noncurrent || !expires {
		t.Errorf("aborts unfinished uploads: %t, expires old versions: %t, expires files: %t", aborts, noncurrent, expires)
	}
}

func TestBucketRefusesPlainHTTPOldTLSAndOldSignatures(t *testing.T) {
	fromTemplate(t)
	got, err := bucket().GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &stack.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect    string
			Condition map[string]map[string]any
		}
	}
	if err := json.Unmarshal([]byte(aws.ToString(got.Policy)), &policy); err != nil {
		t.Fatal(err)
	}
	var conditions []string
	for _, s := range policy.Statement {
		for _, condition := range s.Condition {
			for key := range condition {
				conditions = append(conditions, s.Effect+" "+key)
			}
		}
	}
	slices.Sort(conditions)
	if want := []string{"Deny aws:SecureTransport", "Deny s3:TlsVersion", "Deny s3:signatureAge"}; !slices.Equal(conditions, want) {
		t.Errorf("the policy has %q, want %q", conditions, want)
	}
}
