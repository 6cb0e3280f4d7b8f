package upload_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

var errPolicy = errors.New("access denied")

func conversation(t *testing.T, id string) upload.Conversation {
	t.Helper()
	c, err := upload.ParseConversation(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newUploader(s upload.Store) *upload.Uploader {
	return &upload.Uploader{Store: s, Prefix: "conversations/"}
}

func text(name, content string) upload.File {
	return upload.File{Name: name, ContentType: "text/plain", Data: []byte(content)}
}

// stored are the contents by key, without what all keys begin with.
func stored(m *storetest.Memory) map[string]string {
	contents := make(map[string]string)
	for key, data := range m.Objects() {
		contents[strings.TrimPrefix(key, "conversations/c/")] = string(data)
	}
	return contents
}

// answered are the contents by name that the receipts tell of.
func answered(t *testing.T, files []upload.File, outcomes []upload.Outcome) map[string]string {
	t.Helper()
	if len(outcomes) != len(files) {
		t.Fatalf("%d outcomes for %d files", len(outcomes), len(files))
	}
	contents := make(map[string]string)
	for i, o := range outcomes {
		if (o.Receipt == nil) == (o.Skip == nil) {
			t.Fatalf("file %d has receipt %v and skip %v, want one of them", i, o.Receipt, o.Skip)
		}
		if r := o.Receipt; r != nil {
			if r.SHA256 != sha256.Sum256(files[i].Data) || r.Size != int64(len(files[i].Data)) {
				t.Errorf("the receipt of file %d is about other bytes", i)
			}
			contents[r.Name] = string(files[i].Data)
		}
	}
	return contents
}

func TestUploadStoresEveryFileUnderItsConversation(t *testing.T) {
	var store storetest.Memory
	files := []upload.File{text("a.txt", "1"), text("dir/b.txt", ""), text("日本.md", "# 3")}
	outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "1", "dir/b.txt": "", "日本.md": "# 3"}
	if diff := cmp.Diff(want, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, answered(t, files, outcomes)); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
	if got, want := outcomes[0].Receipt.Key, "conversations/c/a.txt"; got != want {
		t.Errorf("key = %q, want %q", got, want)
	}
}

func TestUploadKeepsFilesOfOneName(t *testing.T) {
	var store storetest.Memory
	files := []upload.File{text("a.txt", "1"), text("a.txt", "2"), text("a.txt", "1"), text("a.txt", "3")}
	outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "1", "a~d4735e3a.txt": "2", "a~4e074085.txt": "3"}
	if diff := cmp.Diff(want, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, answered(t, files, outcomes)); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
	if got := outcomes[2].Receipt.Name; got != "a.txt" {
		t.Errorf("the same bytes again are %q, want a.txt", got)
	}
}

func TestUploadOfTheSameFilesAgainChangesNothing(t *testing.T) {
	var store storetest.Memory
	u := newUploader(&store)
	files := []upload.File{text("a.txt", "1"), text("a.txt", "2"), text("b.txt", "3")}
	first, err := u.Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	before := store.Objects()
	for _, order := range [][]int{{0, 1, 2}, {1, 0, 2}, {2, 1, 0}} {
		var again []upload.File
		for _, i := range order {
			again = append(again, files[i])
		}
		outcomes, err := u.Upload(t.Context(), conversation(t, "c"), again)
		if err != nil {
			t.Fatal(err)
		}
		for place, i := range order {
			if got, want := outcomes[place].Receipt.Key, first[i].Receipt.Key; got != want {
				t.Errorf("in order %v, file %d is at %q, want %q", order, i, got, want)
			}
		}
	}
	if diff := cmp.Diff(before, store.Objects()); diff != "" {
		t.Errorf("the store changed (-before +after):\n%s", diff)
	}
}

func TestUploadsInParallelKeepEveryFile(t *testing.T) {
	var store storetest.Memory
	u := newUploader(&store)
	c := conversation(t, "c")
	const requests, different = 100, 50
	var group sync.WaitGroup
	var mu sync.Mutex
	keys := make(map[string]string)
	for i := range requests {
		group.Go(func() {
			content := fmt.Sprint("content ", i%different)
			outcomes, err := u.Upload(t.Context(), c, []upload.File{text("same.txt", content)})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			keys[outcomes[0].Receipt.Key] = content
		})
	}
	group.Wait()
	got := make(map[string]string)
	for key, data := range store.Objects() {
		got[key] = string(data)
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("answered and stored differ (-answered +stored):\n%s", diff)
	}
	if contents := slices.Compact(slices.Sorted(maps.Values(got))); len(contents) != different {
		t.Errorf("%d different contents are stored, want %d", len(contents), different)
	}
}

func TestUploadSkipsWhatTheRulesRefuse(t *testing.T) {
	rules, err := mediatype.ParseRules("text/*", "txt,md")
	if err != nil {
		t.Fatal(err)
	}
	const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
	files := []upload.File{
		text("", ""), text("large.txt", strings.Repeat("x", 101)), text("image.txt", png),
		text("page.html", "plain"), text("exact.txt", strings.Repeat("x", 100)), text("fine.md", "# fine"),
	}
	want := []upload.Code{upload.EmptyName, upload.TooLarge, upload.TypeNotAllowed, upload.ExtensionNotAllowed, "", ""}
	var store storetest.Memory
	u := &upload.Uploader{Store: &store, Prefix: "conversations/", MaxFileSize: 100, Rules: rules}
	outcomes, err := u.Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes {
		var got upload.Code
		if o.Skip != nil {
			got = o.Skip.Code
			if o.Skip.Reason == "" || o.Skip.Name != files[i].Name {
				t.Errorf("skip of %q = %+v, want its name and a reason", files[i].Name, o.Skip)
			}
		}
		if got != want[i] {
			t.Errorf("code of %q = %q, want %q", files[i].Name, got, want[i])
		}
	}
	if diff := cmp.Diff(stored(&store), answered(t, files, outcomes)); diff != "" {
		t.Errorf("stored and answered differ (-stored +answered):\n%s", diff)
	}
}

func TestUploadOfNothingButSkippedFilesSucceeds(t *testing.T) {
	store := storetest.Memory{Fault: func(context.Context, string, string) (bool, error) {
		return false, upload.ErrUnavailable
	}}
	outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), []upload.File{text("", "")})
	if err != nil || outcomes[0].Skip == nil {
		t.Errorf("Upload = %+v, %v, want a skip", outcomes, err)
	}
}

func TestUploadNamesAFileByItsContentWhereNoNameIsLeft(t *testing.T) {
	tests := []struct{ name, declared, content, want string }{
		{"", "text/plain", "1", "unnamed.txt"},
		{"", "", "1", "unnamed.txt"},
		{"", "image/png", "<html><body>", "unnamed.html"},
		{"...", "", "%PDF-1.7\n", "unnamed.pdf"},
		{"", "image/png", "\x00\x01\x02\x03", "unnamed.png"},
		{"", "", "\x00\x01\x02\x03", "unnamed"},
	}
	for _, test := range tests {
		var store storetest.Memory
		files := []upload.File{{Name: test.name, ContentType: test.declared, Data: []byte(test.content)}}
		if _, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{test.want: test.content}, stored(&store)); diff != "" {
			t.Errorf("%q declared %q, stored (-want +got):\n%s", test.name, test.declared, diff)
		}
	}
}

// Whatever call fails for whatever file, the receipts are what the store has.
func TestUploadAnswersWhatIsStored(t *testing.T) {
	files := []upload.File{text("a.txt", "1"), text("b.txt", "2"), text("c.txt", "3"), text("a.txt", "4")}
	faults := map[string]struct {
		done bool
		err  error
	}{
		"refused":               {false, errPolicy},
		"unavailable":           {false, upload.ErrUnavailable},
		"done, the answer lost": {true, upload.ErrUnavailable},
	}
	for name, fault := range faults {
		for _, failing := range []string{"a.txt", "b.txt", "c.txt", "a~4b227777.txt"} {
			t.Run(name+" "+failing, func(t *testing.T) {
				store := storetest.Memory{Fault: func(_ context.Context, call, key string) (bool, error) {
					if call == "create" && strings.HasSuffix(key, "/"+failing) {
						return fault.done, fault.err
					}
					return false, nil
				}}
				outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(stored(&store), answered(t, files, outcomes)); diff != "" {
					t.Errorf("stored and answered differ (-stored +answered):\n%s", diff)
				}
			})
		}
	}
}

func TestUploadSaysWhichFileFailed(t *testing.T) {
	store := storetest.Memory{Fault: func(_ context.Context, call, key string) (bool, error) {
		if strings.HasSuffix(key, "/b.txt") {
			return false, upload.ErrUnavailable
		}
		return false, nil
	}}
	files := []upload.File{text("a.txt", "1"), text("b.txt", "2")}
	outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes[1]
	if got.Skip == nil || got.Skip.Code != upload.NotStored || got.Skip.Name != "b.txt" {
		t.Errorf("skip = %+v, want not_stored for b.txt", got.Skip)
	}
	if !errors.Is(got.Err, upload.ErrUnavailable) {
		t.Errorf("cause = %v, want ErrUnavailable", got.Err)
	}
}

func TestUploadFailsWhenNothingCouldBeStored(t *testing.T) {
	for _, want := range []error{upload.ErrUnavailable, errPolicy} {
		for _, call := range []string{"create", "link"} {
			store := storetest.Memory{Fault: func(_ context.Context, c, _ string) (bool, error) {
				if c == call {
					return false, want
				}
				return false, nil
			}}
			files := []upload.File{text("a.txt", "1"), text("b.txt", "2")}
			_, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
			if !errors.Is(err, want) {
				t.Errorf("Upload with every %s failing = %v, want %v", call, err, want)
			}
			if n := len(store.Objects()); n != 0 {
				t.Errorf("%d objects are stored, want none", n)
			}
		}
	}
}

func TestUploadDoesNotTrustANameItCannotCompare(t *testing.T) {
	store := storetest.Memory{}
	u := newUploader(&store)
	c := conversation(t, "c")
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "old")}); err != nil {
		t.Fatal(err)
	}
	store.Fault = func(_ context.Context, call, _ string) (bool, error) {
		if call == "stat" {
			return false, upload.ErrUnavailable
		}
		return false, nil
	}
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "new")}); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Upload = %v, want ErrUnavailable", err)
	}
}

// A connection that is cut because the key is taken looks like a failure.
// Who knows a file can take every name that its hash makes, by the other lane.
func TestUploadStoresAFileWhoseNamesAreAllTaken(t *testing.T) {
	var store storetest.Memory
	mine := text("a.txt", "mine")
	sum := fmt.Sprintf("%x", sha256.Sum256(mine.Data))
	for _, name := range []string{"a.txt", "a~" + sum[:8] + ".txt", "a~" + sum[:16] + ".txt", "a~" + sum + ".txt"} {
		if err := store.Create(t.Context(), storetest.NewObject("conversations/c/"+name, []byte("another's"))); err != nil {
			t.Fatal(err)
		}
	}
	outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), []upload.File{mine})
	if err != nil || outcomes[0].Receipt == nil {
		t.Fatalf("Upload = %+v, %v, want a receipt", outcomes, err)
	}
	got := stored(&store)
	if name := outcomes[0].Receipt.Name; got[name] != "mine" || len(got) != 5 {
		t.Errorf("%q holds %q, and %d files are stored", name, got[name], len(got))
	}
}

func TestUploadFindsAnotherNameWhenTheRefusalIsLost(t *testing.T) {
	store := storetest.Memory{}
	u := newUploader(&store)
	c := conversation(t, "c")
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "old")}); err != nil {
		t.Fatal(err)
	}
	store.Fault = func(_ context.Context, call, key string) (bool, error) {
		if call == "create" && strings.HasSuffix(key, "/a.txt") {
			return false, upload.ErrUnavailable
		}
		return false, nil
	}
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "2")}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a.txt": "old", "a~d4735e3a.txt": "2"}
	if diff := cmp.Diff(want, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestUploadTakesAKeyThatWasFreed(t *testing.T) {
	store := storetest.Memory{}
	u := newUploader(&store)
	c := conversation(t, "c")
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "old")}); err != nil {
		t.Fatal(err)
	}
	store.Fault = func(_ context.Context, call, key string) (bool, error) {
		if call == "stat" {
			store.Delete(key)
		}
		return false, nil
	}
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a.txt", "new")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a.txt": "new"}, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestUploadOfMoreThanAnAnswerHoldsStoresNothing(t *testing.T) {
	store := storetest.Memory{}
	u := newUploader(&store)
	u.MaxAnswer = func(context.Context) int { return 3000 }
	c := conversation(t, "c")
	long := strings.Repeat("a", 200)
	for name, files := range map[string][]upload.File{
		"many":       {text("a", "1"), text("b", "2"), text("c", "3"), text("d", "4"), text("e", "5")},
		"long names": {text(long, "1"), text(long+"b", "2"), text(long+"c", "3")},
		"one file":   {text("a", "1"), text("a", "1"), text("a", "1"), text("a", "1"), text("a", "1")},
		"skipped":    {text("a", "1"), {Name: long + ".exe"}},
	} {
		if name == "skipped" {
			u.MaxFileSize, files[1].Data = 1, []byte("12")
		}
		if _, err := u.Upload(t.Context(), c, files); !errors.Is(err, upload.ErrAnswerTooLarge) {
			t.Errorf("%s: %v, want ErrAnswerTooLarge", name, err)
		}
	}
	if n := len(store.Objects()); n != 0 {
		t.Errorf("%d objects are stored, want none", n)
	}
	if _, err := u.Upload(t.Context(), c, []upload.File{text("a", "1"), text("b", "2")}); err != nil {
		t.Errorf("two files: %v", err)
	}
}

func TestUploadSurvivesAPanic(t *testing.T) {
	store := storetest.Memory{Fault: func(context.Context, string, string) (bool, error) { panic("store") }}
	_, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), []upload.File{text("a.txt", "1")})
	if err == nil || !strings.Contains(err.Error(), "panic: string") {
		t.Errorf("Upload = %v, want the panic as an error", err)
	}
}

// A store that hangs is given up before the context ends, so that there is time
// to ask what became of the write, and to answer.
func TestUploadGivesUpBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := false
		store := storetest.Memory{Fault: func(ctx context.Context, call, _ string) (bool, error) {
			switch call {
			case "create":
				<-ctx.Done()
				return true, fmt.Errorf("%w: %w", upload.ErrUnavailable, ctx.Err())
			case "stat":
				asked = true
			}
			return false, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		outcomes, err := newUploader(&store).Upload(ctx, conversation(t, "c"), []upload.File{text("a.txt", "1")})
		if err != nil || outcomes[0].Receipt == nil || !asked {
			t.Errorf("Upload = %+v, %v, asked %t; want the receipt of the write that was done", outcomes, err, asked)
		}
		if ctx.Err() != nil {
			t.Error("the context was used up")
		}
	})
}

func TestUploadStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := storetest.Memory{Fault: func(ctx context.Context, _, _ string) (bool, error) {
		cancel()
		return false, fmt.Errorf("%w: %w", upload.ErrUnavailable, ctx.Err())
	}}
	_, err := newUploader(&store).Upload(ctx, conversation(t, "c"), []upload.File{text("a.txt", "1")})
	if !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Upload = %v, want ErrUnavailable", err)
	}
}

func TestUploadHandsOutOnlyWhatHasTheRequiredTag(t *testing.T) {
	const key = "conversations/c/a.txt"
	tests := []struct {
		name  string
		tags  map[string]string
		fault error
		want  upload.State
	}{
		{"no tag", nil, nil, upload.Pending},
		{"another tag", map[string]string{"colour": "clean"}, nil, upload.Pending},
		{"another value", map[string]string{"scan": "infected"}, nil, upload.Blocked},
		{"the tag", map[string]string{"scan": "clean"}, nil, upload.Ready},
		{"nobody knows", map[string]string{"scan": "clean"}, upload.ErrUnavailable, upload.Pending},
	}
	for _, test := range tests {
		store := storetest.Memory{Tags: map[string]map[string]string{key: test.tags}}
		store.Fault = func(_ context.Context, call, _ string) (bool, error) {
			if call == "tag" {
				return false, test.fault
			}
			return false, nil
		}
		u := newUploader(&store)
		u.Required = upload.Tag{Key: "scan", Value: "clean"}
		outcomes, err := u.Upload(t.Context(), conversation(t, "c"), []upload.File{text("a.txt", "1")})
		if err != nil {
			t.Fatal(err)
		}
		if got := outcomes[0].Receipt.State; got != test.want || !errors.Is(outcomes[0].Err, test.fault) {
			t.Errorf("%s: state = %q, %v, want %q, %v", test.name, got, outcomes[0].Err, test.want, test.fault)
		}
	}
}

func TestMemoryKeepsThePromises(t *testing.T) {
	storetest.Run(t, &storetest.Memory{}, "prefix/")
}
