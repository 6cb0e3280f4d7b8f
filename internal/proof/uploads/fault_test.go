package uploads_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/faults"
)

// only breaks the writes of the file at one index of three; -1 is all of them.
func only(index, times int, fault faults.Fault) faults.Rule {
	path := ""
	if index >= 0 {
		path = "/" + three()[index].name
	}
	return faults.Rule{Method: http.MethodPut, Path: path, Times: times, Fault: fault}
}

// each runs a test for every index of three files and for all of them at once,
// and wants the request after it to work.
func (g *rig) each(all *atOnce, name string, run func(t *testing.T, conversation string, index int)) {
	for index := -1; index < len(three()); index++ {
		all.run(fmt.Sprintf("%s at %d", name, index), func(t *testing.T) {
			conversation := fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), index+1)
			run(t, conversation, index)
			g.works(t, conversation, three()...)
		})
	}
}

// atOnce runs subtests beside each other, however few processors there are: what
// they do most is wait for the next try. All of them together would need more of
// a busy processor than their deadlines leave.
type atOnce struct {
	t     *testing.T
	tests errgroup.Group
}

func newAtOnce(t *testing.T) *atOnce {
	a := &atOnce{t: t}
	a.tests.SetLimit(16)
	return a
}

func (a *atOnce) run(name string, test func(t *testing.T)) {
	a.tests.Go(func() error {
		a.t.Run(name, test)
		return nil
	})
}

// F5, F6, F9, F10: what passes within the tries is no failure to anybody.
func TestStoreFaultsThatPassCostNothing(t *testing.T) {
	g := newRig(t)
	all := newAtOnce(t)
	for name, test := range map[string]struct {
		fault faults.Fault
		times int
	}{
		"slow down once":       {faults.S3(503, "SlowDown"), 1},
		"slow down twice":      {faults.S3(503, "SlowDown"), 2},
		"internal error":       {faults.S3(500, "InternalError"), 1},
		"conflict":             {faults.S3(409, "ConditionalRequestConflict"), 1},
		"reset before":         {faults.ResetBefore, 1},
		"reset in the body":    {faults.ResetInBody, 1},
		"reset after":          {faults.ResetAfter, 1},
		"every answer is lost": {faults.ResetAfter, 0},
		"a byte changes":       {faults.Corrupt, 1},
		"delay":                {faults.Delay(100 * time.Millisecond), 0},
		"slow drip":            {faults.Drip(time.Millisecond), 0},
	} {
		g.each(all, name, func(t *testing.T, conversation string, index int) {
			g.broken(conversation, only(index, test.times, test.fault))
			got := g.upload(t, t.Context(), conversation, three()...)
			if got.Status != http.StatusOK {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			if a := g.agree(t, conversation, got, 3); len(a.Files) != 3 {
				t.Errorf("%d files of 3: %s", len(a.Files), got.Body)
			}
		})
	}
	_ = all.tests.Wait() // the tests tell
	nothingRuns(t)
}

// F5, F7, F8, F9, F10, F23: what does not pass is told of the file that it hit,
// and of the request if it hit all of it.
func TestStoreFaultsThatStayAreToldAsTheyAre(t *testing.T) {
	g := newRig(t)
	all := newAtOnce(t)
	for name, test := range map[string]struct {
		fault  faults.Fault
		status int // where nothing could be stored
	}{
		"slow down":         {faults.S3(503, "SlowDown"), 503},
		"reset before":      {faults.ResetBefore, 503},
		"reset in the body": {faults.ResetInBody, 503},
		"a byte changes":    {faults.Corrupt, 503},
		"hang":              {faults.Hang, 503},
		"long delay":        {faults.Delay(time.Hour), 503},
		"expired token":     {faults.S3(400, "ExpiredToken"), 503},
		"clock":             {faults.S3(403, "RequestTimeTooSkewed"), 503},
		"access denied":     {faults.S3(403, "AccessDenied"), 500},
		"no bucket":         {faults.S3(404, "NoSuchBucket"), 500},
		"kms":               {faults.S3(400, "KMS.DisabledException"), 500},
	} {
		g.each(all, name, func(t *testing.T, conversation string, index int) {
			g.broken(conversation, only(index, 0, test.fault))
			got := g.upload(t, within(t, lambdaTime), conversation, three()...)
			a := g.agree(t, conversation, got, 3)
			if index < 0 {
				if got.Status != test.status {
					t.Errorf("status %d, want %d: %s", got.Status, test.status, got.Body)
				}
				return
			}
			if got.Status != http.StatusOK || len(a.Files) != 2 || len(a.Skipped) != 1 ||
				a.Skipped[0].Name != three()[index].name || a.Skipped[0].Code != "not_stored" {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
	_ = all.tests.Wait() // the tests tell
	nothingRuns(t)
}

// F9: in every order in which three files can go wrong in different ways.
func TestEveryMixtureOfFaultsIsAnsweredTruly(t *testing.T) {
	g := newRig(t)
	all := newAtOnce(t)
	kinds := []faults.Fault{nil, faults.S3(503, "SlowDown"), faults.ResetAfter, faults.S3(403, "AccessDenied")}
	for mix := range 64 {
		conversation := fmt.Sprintf("mix-%d", mix)
		all.run(conversation, func(t *testing.T) {
			g.broken(conversation, only(0, 0, kinds[mix%4]), only(1, 0, kinds[mix/4%4]), only(2, 0, kinds[mix/16]))
			g.agree(t, conversation, g.upload(t, t.Context(), conversation, three()...), 3)
		})
	}
	_ = all.tests.Wait() // the tests tell
	nothingRuns(t)
}

// F6, F7: where the write is done and every question about it fails, the answer
// cannot tell. It then says that the file is not stored, never the reverse, and
// the same request again finds it.
func TestWriteThatNobodyCanConfirmIsFoundByTheNextTry(t *testing.T) {
	g := newRig(t)
	all := newAtOnce(t)
	for name, rules := range map[string][]faults.Rule{
		"lost":     {{Method: "PUT", Fault: faults.ResetAfter}, {Method: "HEAD", Fault: faults.S3(503, "SlowDown")}},
		"late":     {{Method: "PUT", Fault: faults.Late}},
		"hung":     {{Method: "PUT", Fault: faults.ResetAfter}, {Method: "HEAD", Fault: faults.Hang}},
		"refused":  {{Method: "PUT", Fault: faults.ResetAfter}, {Method: "HEAD", Fault: faults.S3(403, "AccessDenied")}},
		"reset":    {{Method: "PUT", Fault: faults.ResetAfter}, {Method: "HEAD", Fault: faults.ResetBefore}},
		"vanished": {{Method: "PUT", Fault: faults.ResetAfter}, {Method: "HEAD", Fault: faults.S3(404, "NotFound")}},
	} {
		all.run(name, func(t *testing.T) {
			g.broken(name, rules...)
			got := g.upload(t, within(t, lambdaTime), name, three()...)
			// What is late may still come before the question.
			if got.Status != http.StatusServiceUnavailable && name != "late" {
				t.Errorf("status %d, want 503: %s", got.Status, got.Body)
			}
			g.holds(t, name, got)
			g.works(t, name, three()...)
		})
	}
	_ = all.tests.Wait() // the tests tell
	nothingRuns(t)
}

// On AWS, HeadObject of a key that is not there is answered 403 to a role that
// may not list the bucket, which the function's may not.
func TestRoleThatMayNotListStoresFilesOfOneName(t *testing.T) {
	g := newRig(t)
	g.broken("one-name",
		faults.Rule{Method: "PUT", Times: 3, Fault: faults.S3(503, "SlowDown")},
		faults.Rule{Method: "HEAD", Fault: faults.S3(403, "AccessDenied")},
	)
	got := g.upload(t, t.Context(), "one-name", namedFile{"a.txt", []byte("first")}, namedFile{"a.txt", []byte("second")})
	a := g.agree(t, "one-name", got, 2)
	if len(a.Files) != 1 || a.Files[0].Name != "a.txt" || a.Files[0].SHA256 != hexSum([]byte("second")) {
		t.Errorf("status %d: %s", got.Status, got.Body)
	}
}

// F11: a key that is known serves; one that nobody can look up is neither let in
// nor refused.
func TestSecretStoreFaultsAreAnOutageAndNoAnswer(t *testing.T) {
	warm := newRig(t, "SESSION_KEY_CACHE", "1s")
	warm.works(t, "warm", three()...)
	for name, fault := range map[string]faults.Fault{
		"throttled":      faults.JSON(400, "ThrottlingException"),
		"internal error": faults.JSON(500, "InternalServiceError"),
		"denied":         faults.JSON(400, "AccessDeniedException"),
		"reset":          faults.ResetBefore,
		"lost":           faults.ResetAfter,
		"hang":           faults.Hang,
		"nonsense":       faults.Answer(200, "application/x-amz-json-1.1", `{"SecretString":`),
	} {
		t.Run(name, func(t *testing.T) {
			g := warm
			g.secrets.Script("", faults.Rule{Fault: fault})
			g.store.Forget()
			cold := g.start(t, slog.New(slog.NewJSONHandler(&g.log, nil)), nil)
			for _, key := range []string{g.SecretValue, "another-key-that-is-long-enough"} {
				got := g.uploadTo(t, within(t, lambdaTime), cold, key, "cold", three()...)
				if got.Status != http.StatusServiceUnavailable {
					t.Errorf("cold: status %d, want 503: %s", got.Status, got.Body)
				}
			}
			if n := len(g.store.Requests()); n != 0 {
				t.Errorf("cold: %d requests to S3, want none", n)
			}
			if got := g.upload(t, t.Context(), "warm", three()...); got.Status != http.StatusOK {
				t.Errorf("warm: status %d, want 200: %s", got.Status, got.Body)
			}
			if got := g.uploadTo(t, t.Context(), g.app, "another-key-that-is-long-enough", "warm"); got.Status == http.StatusOK {
				t.Errorf("warm, another key: status %d", got.Status)
			}
			nothingRuns(t)
			g.secrets.Script("")
			g.works(t, "warm", three()...)
		})
	}
}

// F11: a cold start with 50 requests is one call.
func TestParallelColdRequestsAskForTheKeyOnce(t *testing.T) {
	g := newRig(t)
	g.secrets.Script("", faults.Rule{Fault: faults.Delay(200 * time.Millisecond)})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if got := g.upload(t, t.Context(), fmt.Sprintf("cold-%d", i), three()[0]); got.Status != http.StatusOK {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
	all.Wait()
	if n := len(g.secrets.Requests()); n != 1 {
		t.Errorf("%d calls to the secret store, want 1", n)
	}
}

// F12: a secret that cannot be used shuts the door and says so.
func TestUnusableSecretIsAnOutage(t *testing.T) {
	for name, labelled := range map[string]map[string]string{
		"empty":     {secretstore.Current: ""},
		"short":     {secretstore.Current: "short"},
		"malformed": {secretstore.Current: `{"session_api_key":`},
		"number":    {secretstore.Current: `{"session_api_key": 1}`},
		"no member": {secretstore.Current: `{}`},
		"pending":   {secretstore.Pending: "a-key-that-is-not-yet-current"},
		"deleted":   nil,
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			good := map[string]string{secretstore.Current: g.SecretValue}
			g.setSecret(t, g.Secret, labelled)
			for _, key := range []string{g.SecretValue, "short", labelled[secretstore.Current], labelled[secretstore.Pending]} {
				got := g.uploadTo(t, t.Context(), g.app, key, "c", three()...)
				if got.Status != http.StatusServiceUnavailable && got.Status != http.StatusUnauthorized ||
					key == g.SecretValue && got.Status != http.StatusServiceUnavailable {
					t.Errorf("key %q: status %d: %s", key, got.Status, got.Body)
				}
			}
			if n := len(g.store.Requests()); n != 0 {
				t.Errorf("%d requests to S3, want none", n)
			}
			g.setSecret(t, g.Secret, good)
			g.app = g.start(t, slog.New(slog.NewJSONHandler(&g.log, nil)), nil)
			g.works(t, "c", three()...)
		})
	}
	t.Run("binary", func(t *testing.T) {
		g := newRig(t)
		g.secrets.Script("", faults.Rule{Fault: faults.Answer(200, "application/x-amz-json-1.1", `{"SecretBinary":"c2VjcmV0LWtleS10aGF0LWlzLWxvbmc=","VersionId":"v"}`)})
		if got := g.uploadTo(t, t.Context(), g.app, "secret-key-that-is-long", "c", three()...); got.Status != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", got.Status)
		}
	})
}

// F12: a request that is under way when the key changes ends well.
func TestRotationLeavesARequestUnderWayAlone(t *testing.T) {
	g := newRig(t)
	old := g.SecretValue
	g.store.Script("", faults.Rule{Method: "PUT", Fault: faults.Delay(300 * time.Millisecond)})
	done := make(chan gateway.Answer)
	go func() { done <- g.upload(t, t.Context(), "rotated", three()...) }()
	for len(g.store.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	next := "the-next-key-of-the-conversation"
	g.setSecret(t, g.Secret, map[string]string{secretstore.Current: next, secretstore.Previous: old})
	if got := g.uploadTo(t, t.Context(), g.app, next, "after", three()...); got.Status != http.StatusOK {
		t.Errorf("new key: status %d: %s", got.Status, got.Body)
	}
	got := <-done
	if a := g.agree(t, "rotated", got, 3); got.Status != http.StatusOK || len(a.Files) != 3 {
		t.Errorf("old request: status %d: %s", got.Status, got.Body)
	}
	if got := g.uploadTo(t, t.Context(), g.app, old, "after", three()...); got.Status != http.StatusOK {
		t.Errorf("old key within its window: status %d: %s", got.Status, got.Body)
	}
}

// F13: a connection that died while the process was frozen.
func TestDeadConnectionsCostNothing(t *testing.T) {
	g := newRig(t, "SESSION_KEY_CACHE", "1s")
	g.store.Script("", faults.Rule{Fault: faults.HangUpIdle})
	g.secrets.Script("", faults.Rule{Fault: faults.HangUpIdle})
	for i := range 5 {
		conversation := fmt.Sprintf("idle-%d", i)
		got := g.upload(t, t.Context(), conversation, three()...)
		if a := g.agree(t, conversation, got, 3); got.Status != http.StatusOK || len(a.Files) != 3 {
			t.Errorf("status %d: %s", got.Status, got.Body)
		}
		time.Sleep(60 * time.Millisecond)
	}
}

// F14: no URL promises more than its credentials have, and none is made without.
func TestCredentialsThatEnd(t *testing.T) {
	g := newRig(t)
	root, err := g.AWS.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(&g.log, nil))
	soon := time.Now().Add(5 * time.Minute).Truncate(time.Second).UTC()
	root.CanExpire, root.Expires = true, soon
	near := g.start(t, log, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return root, nil }))
	got := g.uploadTo(t, t.Context(), near, g.SecretValue, "near", three()...)
	if want := fmt.Sprintf(`"expires_at":%q`, soon.Format(time.RFC3339)); strings.Count(string(got.Body), want) != 3 {
		t.Errorf("status %d, want three times %s: %s", got.Status, want, got.Body)
	}
	gone := errors.New("no credentials for " + g.Bucket)
	none := g.start(t, log, aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, gone }))
	if got := g.uploadTo(t, t.Context(), none, g.SecretValue, "none", three()...); got.Status != http.StatusServiceUnavailable {
		t.Errorf("without credentials: status %d: %s", got.Status, got.Body)
	}
}

// F16: what is cancelled stops, and leaves whole files or none.
func TestCancelledUploadLeavesNoHalfFile(t *testing.T) {
	g := newRig(t)
	files := []namedFile{{"a.bin", random(t, 1<<20)}, {"b.bin", random(t, 1<<20)}, {"c.bin", random(t, 1<<20)}}
	for after := range 3 {
		conversation := fmt.Sprintf("cancelled-%d", after)
		ctx, cancel := context.WithCancel(t.Context())
		g.store.Forget()
		g.broken(conversation, faults.Rule{Method: "PUT", After: after, Times: 1, Fault: func(w http.ResponseWriter, r *http.Request, server http.Handler) {
			cancel()
			faults.ResetInBody(w, r, server)
		}})
		got := g.upload(t, ctx, conversation, files...)
		cancel()
		nothingRuns(t)
		if got.Status != http.StatusServiceUnavailable && got.Status != http.StatusOK {
			t.Errorf("status %d: %s", got.Status, got.Body)
		}
		there := g.holds(t, conversation, got)
		for i, f := range files {
			if sum, ok := there["conversations/"+conversation+"/"+f.name]; ok && sum != hexSum(files[i].content) {
				t.Errorf("%s is half of what was sent", f.name)
			}
		}
		uploads, err := g.direct.ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &g.Bucket})
		if err != nil || len(uploads.Uploads) != 0 {
			t.Errorf("unfinished multipart uploads: %v, %v", uploads, err)
		}
		g.works(t, conversation, files...)
	}
}

// F19: a large request leaves nothing to a small one, and no memory behind.
func TestLargeRequestsLeaveNothingBehind(t *testing.T) {
	g := newRig(t)
	large, small := random(t, 4<<20), []byte("small")
	alternate := func(n int) {
		for i := range n {
			conversation := fmt.Sprintf("alternate-%d-%d", n, i)
			if got := g.upload(t, t.Context(), conversation, namedFile{"a.bin", large}); got.Status != http.StatusOK {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
			got := g.upload(t, t.Context(), conversation, namedFile{"b.bin", small})
			if a := decode(t, got.Body); len(a.Files) != 1 || a.Files[0].SHA256 != hexSum(small) {
				t.Fatalf("status %d: %s", got.Status, got.Body)
			}
		}
	}
	alternate(5)
	before := heap()
	alternate(rounds)
	if after := heap(); after > before+(8<<20) {
		t.Errorf("the heap grew from %d to %d bytes in %d rounds", before, after, rounds)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// F25: where no time is left, nothing is begun.
func TestShortDeadlineBeginsNothing(t *testing.T) {
	g := newRig(t)
	g.works(t, "warm", three()...)
	g.store.Forget()
	for _, left := range []time.Duration{450 * time.Millisecond, time.Nanosecond} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		r, body := request(t, "https://api.example.com/api/conversations/short/upload-files", g.SecretValue, three()...)
		event, err := gateway.Event(lambdahttp.REST, r, body, gateway.Options{BinaryTypes: []string{"*/*"}})
		if err != nil {
			t.Fatal(err)
		}
		response, err := g.app.Invoke(ctx, event)
		cancel()
		if err != nil || !strings.Contains(string(response), `"statusCode":503`) {
			t.Errorf("%s left: %s, %v", left, response, err)
		}
	}
	if n := len(g.store.Requests()); n != 0 {
		t.Errorf("%d requests to S3, want none", n)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// F26: a log that cannot be written stops nobody.
func TestBrokenLogStopsNobody(t *testing.T) {
	g := newRig(t)
	mute := g.start(t, slog.New(slog.NewJSONHandler(brokenWriter{}, nil)), nil)
	for _, key := range []string{g.SecretValue, "a-key-that-is-not-the-right-one"} {
		got := g.uploadTo(t, t.Context(), mute, key, "mute", three()...)
		if want := map[bool]int{true: 200, false: 401}[key == g.SecretValue]; got.Status != want {
			t.Errorf("status %d, want %d", got.Status, want)
		}
	}
}
