package uploads_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/proof/faults"
)

// environments are several of the function, as Lambda starts them, on the same
// bucket.
func (g *rig) environments(t *testing.T, n int) []*function.App {
	t.Helper()
	all := []*function.App{g.app}
	for len(all) < n {
		all = append(all, g.start(t, slog.New(slog.NewJSONHandler(&g.log, nil)), nil))
	}
	return all
}

// F17: one request, twenty times at once, in two environments.
func TestTheSameRequestTwentyTimesAtOnceIsOneUpload(t *testing.T) {
	g := newRig(t)
	environments := g.environments(t, 2)
	answers := make([]answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			got := g.uploadTo(t, t.Context(), environments[i%2], g.SecretValue, "twenty", three()...)
			if got.Status != http.StatusOK {
				t.Errorf("status %d: %s", got.Status, got.Body)
				return
			}
			answers[i] = decode(t, got.Body)
		})
	}
	all.Wait()
	want := map[string]string{}
	for _, f := range three() {
		want["conversations/twenty/"+f.name] = hexSum(f.content)
	}
	if diff := cmp.Diff(want, g.stored(t, "twenty")); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for _, a := range answers {
		if diff := cmp.Diff(want, told(a)); diff != "" {
			t.Errorf("answer (-want +got):\n%s", diff)
		}
	}
}

func told(a answer) map[string]string {
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Key] = f.SHA256
	}
	return files
}

// F18, F20: a hundred files of one name and of other bytes, in ten requests at
// once, in two environments.
func TestAHundredFilesOfOneNameAtOnceAreAllKept(t *testing.T) {
	g := newRig(t)
	environments := g.environments(t, 2)
	var mu sync.Mutex
	want := map[string]string{}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			files := make([]namedFile, 10)
			for j := range files {
				files[j] = namedFile{"same.txt", fmt.Appendf(nil, "%s %d %d", fileMark, i, j)}
			}
			got := g.uploadTo(t, t.Context(), environments[i%2], g.SecretValue, "hundred", files...)
			a := decode(t, got.Body)
			if got.Status != http.StatusOK || len(a.Files) != len(files) {
				t.Errorf("status %d: %s", got.Status, got.Body)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for j, f := range a.Files {
				if f.SHA256 != hexSum(files[j].content) {
					t.Errorf("file %d of request %d: hash of another", j, i)
				}
			}
			maps.Copy(want, told(a))
		})
	}
	all.Wait()
	if diff := cmp.Diff(want, g.stored(t, "hundred")); diff != "" || len(want) != 100 {
		t.Errorf("%d objects (-want +got):\n%s", len(want), diff)
	}
	if _, ok := want["conversations/hundred/same.txt"]; !ok {
		t.Error("nobody got the plain name")
	}
}

// F17: a client gives up and sends again while its first request is under way.
func TestClientThatSendsAgainAfterATimeoutHasOneUpload(t *testing.T) {
	for name, fault := range map[string]faults.Fault{
		"slow": faults.Delay(300 * time.Millisecond), "late": faults.Late, "lost": faults.ResetAfter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t)
			g.broken("again", faults.Rule{Method: "PUT", Times: 3, Fault: fault})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			var first sync.WaitGroup
			first.Go(func() {
				r, body := request(t, "https://api.example.com/api/conversations/again/upload-files", g.SecretValue, three()...)
				g.abandon(t, ctx, lambdahttp.REST, r, body)
			})
			<-ctx.Done()
			g.broken("again")
			got := g.upload(t, t.Context(), "again", three()...)
			first.Wait()
			if a := g.agree(t, "again", got, 3); got.Status != http.StatusOK || len(a.Files) != 3 {
				t.Errorf("status %d: %s", got.Status, got.Body)
			}
		})
	}
}

// F20: one process that serves many requests at once, as Managed Instances do.
func TestParallelRequestsOfAllKindsDoNotMix(t *testing.T) {
	g := newRig(t)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			conversation := fmt.Sprintf("parallel-%d", i)
			content := fmt.Appendf(nil, "%s %d", fileMark, i)
			key, want := g.SecretValue, http.StatusOK
			if i%4 == 3 {
				key, want = "a-key-that-is-not-the-right-one", http.StatusUnauthorized
			}
			r, body := request(t, "https://api.example.com/api/conversations/"+conversation+"/upload-files", key, namedFile{"a.txt", content})
			got := g.invoke(t, t.Context(), g.app, kinds[i%len(kinds)], r, body)
			if got.Status != want {
				t.Errorf("%d: status %d, want %d: %s", i, got.Status, want, got.Body)
			}
			if a := g.agree(t, conversation, got, 1); want == http.StatusOK && (len(a.Files) != 1 || a.Files[0].SHA256 != hexSum(content)) {
				t.Errorf("%d: %s", i, got.Body)
			}
		})
	}
	all.Wait()
	nothingRuns(t)
}
