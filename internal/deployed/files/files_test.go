package files_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/upload"
)

func conversation(t testing.TB, id string) upload.Conversation {
	t.Helper()
	c, err := upload.ParseConversation(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const dir = "conversations/c/"

// newFiles has a store with an object for each name, whose content is its name.
func newFiles(m *filestest.Memory, names ...string) *files.Files {
	for _, name := range names {
		m.Put(filestest.Object{Key: dir + name, Data: []byte(name), ContentType: "text/plain", Verified: true})
	}
	return files.New(files.Options{Store: m, Prefix: "conversations/"})
}

func names(found []files.File) []string {
	out := []string{}
	for _, f := range found {
		out = append(out, f.Name)
	}
	return out
}

func TestListGoesThroughAllFilesInOrder(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt", "b.txt", "c.txt", "日本.txt", "é.txt")
	m.Put(filestest.Object{Key: "conversations/c2/other.txt"})
	m.Put(filestest.Object{Key: "conversations/c"})
	want := []string{"a.txt", "b.txt", "c.txt", "é.txt", "日本.txt"}
	for limit := 1; limit <= 6; limit++ {
		var got []string
		after := ""
		for pages := 1; ; pages++ {
			found, next, err := f.List(t.Context(), conversation(t, "c"), after, limit)
			if err != nil || len(found) > limit || pages > 5 {
				t.Fatalf("List(%q, %d) = %d files, %v, page %d", after, limit, len(found), err, pages)
			}
			got = append(got, names(found)...)
			if after = next; next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	found, _, err := f.List(t.Context(), conversation(t, "c"), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	one := found[0]
	if one.Size != 5 || one.ContentType != "text/plain" || one.SHA256 != sha256.Sum256([]byte("a.txt")) || !one.Hashed ||
		one.State != upload.Ready || one.Link.URL != "memory:"+dir+"a.txt" || one.Modified.IsZero() {
		t.Errorf("a file = %+v", one)
	}
}

func TestListOfNothingIsEmpty(t *testing.T) {
	f := newFiles(&filestest.Memory{})
	if found, next, err := f.List(t.Context(), conversation(t, "c"), "", 10); err != nil || len(found) != 0 || next != "" {
		t.Errorf("List = %v, %q, %v, want nothing", found, next, err)
	}
}

// Others may put objects there whose names would be dangerous on a disk or in a script.
var foreign = []string{"", "folder/", "sub//folder.txt", "sub/../folder.txt", "../up", "..", "a/.", "trail.", "wide\u00a0space", "line\nbreak", "a\\b", "-rf", "CON", "nul.txt", "bell\x07", "tr ", "\u202efdp.exe"}

func TestWhatNoUploadMadeIsNotSeen(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, append(foreign, "a.txt", "z.txt")...)
	c := conversation(t, "c")
	for _, limit := range []int{1, 2, 100} {
		var got []string
		for after, more := "", true; more; {
			found, next, err := f.List(t.Context(), c, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, names(found)...)
			after, more = next, next != ""
		}
		if diff := cmp.Diff([]string{"a.txt", "z.txt"}, got); diff != "" {
			t.Errorf("by pages of %d (-want +got):\n%s", limit, diff)
		}
	}
	for _, name := range foreign {
		if found, err := f.Find(t.Context(), c, name); !errors.Is(err, upload.ErrNotFound) {
			t.Errorf("Find(%q) = %+v, %v, want ErrNotFound", name, found, err)
		}
		if err := f.Delete(t.Context(), c, name); err != nil && !errors.Is(err, upload.ErrNotFound) {
			t.Errorf("Delete(%q) = %v", name, err)
		}
		if _, err := m.Head(t.Context(), dir+name); err != nil {
			t.Errorf("Delete(%q) has deleted what is no file", name)
		}
	}
}

func TestAFileThatIsGoneMeanwhileIsLeftOut(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt", "b.txt", "c.txt")
	m.Fault = func(_ context.Context, call, key string) error {
		if call == "head" && strings.HasSuffix(key, "b.txt") {
			return upload.ErrNotFound
		}
		return nil
	}
	found, _, err := f.List(t.Context(), conversation(t, "c"), "", 10)
	if diff := cmp.Diff([]string{"a.txt", "c.txt"}, names(found)); err != nil || diff != "" {
		t.Errorf("List: %v (-want +got):\n%s", err, diff)
	}
}

func TestListFailsWhereTheStoreDoes(t *testing.T) {
	for _, call := range []string{"list", "head", "tag", "link"} {
		var m filestest.Memory
		newFiles(&m, "a.txt", "b.txt")
		f := files.New(files.Options{Store: &m, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}})
		m.Fault = func(_ context.Context, c, _ string) error {
			if c == call {
				return upload.ErrUnavailable
			}
			return nil
		}
		if _, _, err := f.List(t.Context(), conversation(t, "c"), "", 10); !errors.Is(err, upload.ErrUnavailable) {
			t.Errorf("List where %s fails = %v, want ErrUnavailable", call, err)
		}
	}
}

func TestListSurvivesAPanic(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt")
	m.Fault = func(_ context.Context, call, _ string) error {
		if call == "head" {
			panic("secret")
		}
		return nil
	}
	_, _, err := f.List(t.Context(), conversation(t, "c"), "", 10)
	if err == nil || !strings.Contains(err.Error(), "panic: string") || strings.Contains(err.Error(), "secret") {
		t.Errorf("List = %v, want the panic as an error, without its value", err)
	}
}

func TestAnObjectIsAskedOnceUntilItIsAnotherOne(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt", "b.txt")
	c := conversation(t, "c")
	for range 3 {
		if _, _, err := f.List(t.Context(), c, "", 10); err != nil {
			t.Fatal(err)
		}
	}
	if n := m.Calls("head"); n != 2 {
		t.Errorf("%d questions for two objects in three listings, want 2", n)
	}
	if err := f.Delete(t.Context(), c, "a.txt"); err != nil {
		t.Fatal(err)
	}
	m.Put(filestest.Object{Key: dir + "a.txt", Data: []byte("new"), Verified: true})
	found, _, err := f.List(t.Context(), c, "", 10)
	if err != nil || found[0].SHA256 != sha256.Sum256([]byte("new")) {
		t.Errorf("List after another object took the name = %+v, %v", found, err)
	}
}

// An upload in parts is begun anew after a wrong declaration: the bytes, and so
// the ETag, are those of before.
func TestTheSameBytesPutThereAgainAreAskedForAgain(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m)
	c := conversation(t, "c")
	first := filestest.Object{Key: dir + "a", Data: []byte("a"), ContentType: "text/plain", Modified: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)}
	second := filestest.Object{Key: dir + "a", Data: []byte("a"), ContentType: "text/html", Modified: first.Modified.Add(time.Minute), Verified: true}
	for _, o := range []filestest.Object{first, second} {
		if err := f.Delete(t.Context(), c, "a"); err != nil {
			t.Fatal(err)
		}
		m.Put(o)
		want, err := m.Head(t.Context(), o.Key)
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := f.List(t.Context(), c, "", 10)
		if err != nil || len(found) != 1 {
			t.Fatalf("List = %+v, %v, want one file", found, err)
		}
		if diff := cmp.Diff(want, found[0].Head); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
	}
}

// In one second an object can be replaced by one that looks the same in a
// listing.
func TestWhatIsNewIsAskedForAgain(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m)
	now := time.Now()
	for _, contentType := range []string{"text/plain", "text/html"} {
		m.Put(filestest.Object{Key: dir + "a", Data: []byte("a"), ContentType: contentType, Modified: now})
		found, _, err := f.List(t.Context(), conversation(t, "c"), "", 10)
		if err != nil || len(found) != 1 || found[0].ContentType != contentType {
			t.Errorf("List = %+v, %v, want one file of type %s", found, err, contentType)
		}
	}
}

func TestWhatIsKnownOfObjectsIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it lists 60,000 objects")
	}
	var m filestest.Memory
	f := files.New(files.Options{Store: &m, Prefix: "conversations/"})
	for i := range 60_000 {
		m.Put(filestest.Object{Key: fmt.Sprintf("%s%05d", dir, i)})
	}
	count := func() (n int) {
		err := f.Each(t.Context(), conversation(t, "c"), func(files.File) error {
			n++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 60_000 {
		t.Fatalf("%d files, want 60,000", n)
	}
	count()
	// More than fit are asked for again, so not all are kept.
	if n := m.Calls("head"); n < 100_000 {
		t.Errorf("%d questions in two listings of 60,000: more was kept than should be", n)
	}
}

func TestFilesWithoutTheRequiredTagAreWithheld(t *testing.T) {
	var m filestest.Memory
	newFiles(&m, "blocked.txt", "pending.txt", "ready.txt")
	m.Tags = map[string]map[string]string{
		dir + "ready.txt":   {"scan": "clean"},
		dir + "blocked.txt": {"scan": "infected"},
	}
	f := files.New(files.Options{Store: &m, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}})
	found, _, err := f.List(t.Context(), conversation(t, "c"), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]upload.State{}
	for _, file := range found {
		got[file.Name] = file.State
	}
	want := map[string]upload.State{"blocked.txt": upload.Blocked, "pending.txt": upload.Pending, "ready.txt": upload.Ready}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	for name, want := range map[string]error{"blocked.txt": files.ErrWithheld, "pending.txt": files.ErrWithheld, "ready.txt": nil} {
		if _, _, err := f.Read(t.Context(), conversation(t, "c"), name, 100); !errors.Is(err, want) {
			t.Errorf("Read(%q) = %v, want %v", name, err, want)
		}
	}
}

func TestFindAndDelete(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a.txt")
	c := conversation(t, "c")
	if got, err := f.Find(t.Context(), c, "a.txt"); err != nil || got.Name != "a.txt" || got.Link.URL == "" || !got.Hashed {
		t.Errorf("Find = %+v, %v", got, err)
	}
	if _, err := f.Find(t.Context(), conversation(t, "d"), "a.txt"); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Find in another conversation = %v, want ErrNotFound", err)
	}
	for range 2 {
		if err := f.Delete(t.Context(), c, "a.txt"); err != nil {
			t.Errorf("Delete = %v", err)
		}
	}
	if _, err := f.Find(t.Context(), c, "a.txt"); !errors.Is(err, upload.ErrNotFound) {
		t.Errorf("Find after Delete = %v, want ErrNotFound", err)
	}
}

func TestReadGivesTheRightBytesOrNone(t *testing.T) {
	c := conversation(t, "c")
	text := strings.Repeat("text ", 1000)
	tests := []struct {
		name string
		body func(from int64, body io.Reader, calls int32) io.Reader
		want error
	}{
		{"as it is", nil, nil},
		{"broken once", func(_ int64, body io.Reader, calls int32) io.Reader {
			if calls == 1 {
				return io.LimitReader(body, 100)
			}
			return body
		}, nil},
		{"damaged once", func(_ int64, body io.Reader, calls int32) io.Reader {
			if calls == 1 {
				return strings.NewReader(strings.ToUpper(text))
			}
			return body
		}, nil},
		{"always damaged", func(int64, io.Reader, int32) io.Reader { return strings.NewReader(strings.ToUpper(text)) }, files.ErrDamaged},
		{"always broken", func(_ int64, body io.Reader, _ int32) io.Reader { return io.LimitReader(body, 10) }, upload.ErrUnavailable},
		{"too many bytes", func(_ int64, body io.Reader, _ int32) io.Reader {
			return io.MultiReader(body, strings.NewReader("more"))
		}, files.ErrDamaged},
	}
	for _, tt := range tests {
		var m filestest.Memory
		f := newFiles(&m)
		m.Put(filestest.Object{Key: dir + "a.txt", Data: []byte(text), Verified: true})
		var calls atomic.Int32
		if tt.body != nil {
			m.Body = func(_ string, from int64, body io.Reader) io.Reader { return tt.body(from, body, calls.Add(1)) }
		}
		_, got, err := f.Read(t.Context(), c, "a.txt", 1<<20)
		if !errors.Is(err, tt.want) || err == nil && string(got) != text {
			t.Errorf("%s: Read = %d bytes, %v, want %v", tt.name, len(got), err, tt.want)
		}
		if n := m.OpenBodies(); n != 0 {
			t.Errorf("%s: %d bodies were not closed", tt.name, n)
		}
	}
	var m filestest.Memory
	f := newFiles(&m, "a.txt")
	m.Put(filestest.Object{Key: dir + "b.txt", Data: []byte("declared"), Declared: true})
	m.Body = func(string, int64, io.Reader) io.Reader { return strings.NewReader("as it is") }
	if _, got, err := f.Read(t.Context(), c, "b.txt", 8); string(got) != "as it is" || err != nil {
		t.Errorf("Read of bytes that were declared wrongly = %q, %v, want them", got, err)
	}
	opens := m.Calls("open")
	if _, _, err := f.Read(t.Context(), c, "a.txt", 4); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("Read over the limit = %v, want ErrTooLarge", err)
	}
	if m.Calls("open") != opens {
		t.Error("a file over the limit was read")
	}
}

func TestEachFindsOutHashesAsFarAsTheBudgetGoes(t *testing.T) {
	var m filestest.Memory
	for name, size := range map[string]int{"a": 60, "b": 60, "c": 30, "d": 0} {
		m.Put(filestest.Object{Key: dir + name, Data: []byte(strings.Repeat(name, size))})
	}
	m.Put(filestest.Object{Key: dir + "e", Data: []byte("known"), Declared: true})
	f := files.New(files.Options{Store: &m, Prefix: "conversations/", HashLimit: 100})
	for round, want := range []string{"acde", "abcde"} { // what is known costs nothing
		var got string
		err := f.Each(t.Context(), conversation(t, "c"), func(file files.File) error {
			if file.Hashed {
				got += file.Name
			}
			return nil
		})
		if err != nil || got != want {
			t.Errorf("round %d: hashes are known of %q, %v, want %q", round, got, err, want)
		}
	}
}

func TestEachEndsWhereItsUserSays(t *testing.T) {
	var m filestest.Memory
	f := newFiles(&m, "a", "b", "c")
	enough := errors.New("enough")
	calls := 0
	err := f.Each(t.Context(), conversation(t, "c"), func(files.File) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("Each = %v after %d calls, want its user's error after one", err, calls)
	}
}
