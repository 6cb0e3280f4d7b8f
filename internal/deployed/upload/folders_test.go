package upload_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

// tagged is a name with the digits of the hash of a text.
func tagged(name, hashed string) string {
	return filename.WithHash(name, sha256.Sum256([]byte(hashed)), 8)
}

// put uploads files in one request and returns where each is.
func put(t *testing.T, u *upload.Uploader, files ...upload.File) []string {
	t.Helper()
	outcomes, err := u.Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(files))
	for i, o := range outcomes {
		if o.Receipt == nil {
			t.Fatalf("%q is skipped: %+v, %v", files[i].Name, o.Skip, o.Err)
		}
		names[i] = o.Receipt.Name
	}
	return names
}

func TestUploadKeepsATree(t *testing.T) {
	var store storetest.Memory
	files := []upload.File{
		text("README.md", "1"), text("src/main.py", "2"), text("src/lib/util.py", "3"), text("src/lib/main.py", "4"),
		text(".env", "5"), text(".github/workflows/ci.yml", "6"), text(`docs\windows\a.txt`, "7"),
	}
	want := map[string]string{
		"README.md": "1", "src/main.py": "2", "src/lib/util.py": "3", "src/lib/main.py": "4",
		".env": "5", ".github/workflows/ci.yml": "6", "docs/windows/a.txt": "7",
	}
	u := newUploader(&store)
	outcomes, err := u.Upload(t.Context(), conversation(t, "c"), files)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, answered(t, files, outcomes)); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
}

// "a" and "a/b" cannot both be on a disk: the later one gets a name of its own,
// within a request and after it, whether the store keeps files on a disk or not,
// and sending it again finds it there.
func TestUploadGivesNoFileTheNameOfAFolder(t *testing.T) {
	folder, deeper := tagged("a", "a"), tagged("x/a.d", "x/a.d")
	tests := []struct {
		name     string
		requests [][]upload.File
		want     map[string]string
	}{
		{"a file, then its folder, in one request",
			[][]upload.File{{text("a", "1"), text("a/b", "2"), text("a/c/d", "3")}},
			map[string]string{"a": "1", folder + "/b": "2", folder + "/c/d": "3"}},
		{"a folder, then its file, in one request",
			[][]upload.File{{text("a/b", "1"), text("a", "2"), text("a/c", "3")}},
			map[string]string{"a/b": "1", tagged("a", "2"): "2", "a/c": "3"}},
		{"a file deep down, then its folders, the inner one first",
			[][]upload.File{{text("x/y/z", "1")}, {text("x/y", "2")}, {text("x", "3")}},
			map[string]string{"x/y/z": "1", tagged("x/y", "2"): "2", tagged("x", "3"): "3"}},
		{"a file, then its folder",
			[][]upload.File{{text("a", "1")}, {text("a/b", "2")}, {text("a/c/d", "3"), text("a/b", "4")}},
			map[string]string{"a": "1", folder + "/b": "2", folder + "/c/d": "3", folder + "/" + tagged("b", "4"): "4"}},
		{"a folder, then its file",
			[][]upload.File{{text("a/b", "1")}, {text("a", "2")}, {text("a/c", "3"), text("a", "4")}},
			map[string]string{"a/b": "1", tagged("a", "2"): "2", "a/c": "3", tagged("a", "4"): "4"}},
		{"deeper",
			[][]upload.File{{text("x/a.d", "1")}, {text("x/a.d/y/b", "2")}, {text("x/a.d/y", "3")}},
			map[string]string{"x/a.d": "1", deeper + "/y/b": "2", tagged(deeper+"/y", "3"): "3"}},
		{"two files of the name of a folder, with the same bytes and with others",
			[][]upload.File{{text("a/b", "1"), text("a", "2"), text("a", "2"), text("a", "3")}},
			map[string]string{"a/b": "1", tagged("a", "2"): "2", tagged("a", "3"): "3"}},
		{"what is equal when it is safe",
			[][]upload.File{{text("a./b", "1"), text("a", "2"), text("a /b", "3")}},
			map[string]string{"a/b": "1", tagged("a", "2"): "2", "a/" + tagged("b", "3"): "3"}},
		{"a folder named like the conversation",
			[][]upload.File{{text("c", "1"), text("c/c", "2"), text("conversations/c/x", "3")}},
			map[string]string{"c": "1", tagged("c", "c") + "/c": "2", "conversations/c/x": "3"}},
	}
	for _, test := range tests {
		for _, disk := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, disk %t", test.name, disk), func(t *testing.T) {
				store := storetest.Memory{Disk: disk}
				u := newUploader(&store)
				u.Folders = new(upload.Folders)
				for range 2 {
					for _, files := range test.requests {
						put(t, u, files...)
					}
				}
				if diff := cmp.Diff(test.want, stored(&store)); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// A store on a disk refuses what nobody remembers.
func TestUploadFindsAnotherPlaceWhereAStoreOnADiskHasNone(t *testing.T) {
	store := storetest.Memory{Disk: true}
	put(t, newUploader(&store), text("a/b", "1"), text("x", "2"))
	put(t, newUploader(&store), text("a", "3")) // another process remembers nothing
	u := newUploader(&store)
	u.Folders = new(upload.Folders)
	put(t, u, text("y/z", "4"))
	store.Delete("conversations/c/y/z")
	put(t, newUploader(&store), text("y", "5")) // and this one is wrong about y now
	put(t, u, text("y/z", "6"), text("y/w/v", "7"), text("y/w/u", "8"))
	y := tagged("y", "y")
	want := map[string]string{"a/b": "1", "x": "2", tagged("a", "3"): "3", "y": "5", y + "/z": "6", y + "/w/v": "7", y + "/w/u": "8"}
	if diff := cmp.Diff(want, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
}

func TestAFolderThatIsEmptyIsNone(t *testing.T) {
	var store storetest.Memory
	u := newUploader(&store)
	u.Folders = new(upload.Folders)
	put(t, u, text("a/b", "1"))
	store.Delete("conversations/c/a/b")
	if names := put(t, u, text("a", "2")); names[0] != "a" {
		t.Errorf("the file is %q, want a: the folder is gone", names[0])
	}
	if names := put(t, u, text("a/b", "3")); names[0] != tagged("a", "a")+"/b" {
		t.Errorf("the file is %q, want it beside the file a", names[0])
	}
}

func TestUploadLosesNoFileToAPath(t *testing.T) {
	var files []upload.File
	add := func(name string) { files = append(files, text(name, fmt.Sprint("content ", len(files)))) }
	for _, bad := range []string{
		"..", ".", "", "/", "../..", "c", "conversations/c", "CON", "aux.txt", "a.", "a", "a ", "a\u200b", "-", "...", "\u202e", "é", "e\u0301", "C:", `\\host\share`,
		strings.Repeat("x", 10_000), strings.Repeat("y/", 2000), strings.Repeat("../", 100),
	} {
		add(bad + "/f.txt")
		add("d/" + bad + "/f.txt")
		add("d/" + bad)
		add(`d\` + bad + `\g`)
	}
	for _, disk := range []bool{false, true} {
		store := storetest.Memory{Disk: disk}
		outcomes, err := newUploader(&store).Upload(t.Context(), conversation(t, "c"), files)
		if err != nil {
			t.Fatal(err)
		}
		got := answered(t, files, outcomes)
		if len(got) != len(files) {
			t.Errorf("%d names for %d files", len(got), len(files))
		}
		if diff := cmp.Diff(got, stored(&store)); diff != "" {
			t.Errorf("answered and stored differ (-answered +stored):\n%s", diff)
		}
		for name := range got {
			if !filename.Is("conversations/c/", name) {
				t.Errorf("%q is stored, which no lookup finds", name)
			}
		}
	}
}

// counted are the calls to a store.
type counted struct {
	storetest.Memory
	mu    sync.Mutex
	calls map[string]int
}

func count() *counted {
	c := &counted{calls: map[string]int{}}
	c.Fault = func(_ context.Context, call, _ string) (bool, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if call != "link" {
			c.calls[call]++
		}
		return false, nil
	}
	return c
}

func thousand(name func(i int) string) []upload.File {
	files := make([]upload.File, 1000)
	for i := range files {
		files[i] = text(name(i), fmt.Sprint(i))
	}
	return files
}

func TestFoldersCostOneQuestionEach(t *testing.T) {
	tests := []struct {
		name string
		file func(i int) string
		want map[string]int // calls for a thousand files
		then map[string]int // and when they are sent again with other bytes
	}{
		{"flat", func(i int) string { return fmt.Sprintf("%d.txt", i) },
			map[string]int{"create": 1000}, map[string]int{"create": 1000}},
		{"100 folders", func(i int) string { return fmt.Sprintf("%d/%d.txt", i%100, i) },
			map[string]int{"create": 1000, "stat": 100}, map[string]int{"create": 1000}},
		{"100 folders in one", func(i int) string { return fmt.Sprintf("project/%d/%d.txt", i%100, i) },
			map[string]int{"create": 1000, "stat": 100}, map[string]int{"create": 1000, "stat": 1}},
		{"1,000 folders", func(i int) string { return fmt.Sprintf("%d/a.txt", i) },
			map[string]int{"create": 1000, "stat": 100}, map[string]int{"create": 1000, "stat": 100}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := count()
			u := newUploader(store)
			u.Folders = new(upload.Folders)
			put(t, u, thousand(test.file)...)
			if diff := cmp.Diff(test.want, store.calls); diff != "" {
				t.Errorf("calls for 1,000 files (-want +got):\n%s", diff)
			}
			clear(store.calls)
			put(t, u, thousand(func(i int) string { return strings.Replace(test.file(i), ".txt", ".md", 1) })...)
			if diff := cmp.Diff(test.then, store.calls); diff != "" {
				t.Errorf("calls for 1,000 more in the same folders (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFolderThatNobodyCanAskForStoresNothingInIt(t *testing.T) {
	store := storetest.Memory{Fault: func(_ context.Context, call, key string) (bool, error) {
		if call == "stat" && strings.HasSuffix(key, "/a") {
			return false, upload.ErrUnavailable
		}
		return false, nil
	}}
	u := newUploader(&store)
	files := []upload.File{text("a/b", "1"), text("c/d", "2"), text("e", "3")}
	outcomes, err := u.Upload(t.Context(), conversation(t, "c"), files)
	if err != nil || outcomes[0].Skip == nil || outcomes[0].Skip.Code != upload.NotStored {
		t.Errorf("Upload = %+v, %v, want the file of the folder skipped", outcomes, err)
	}
	if diff := cmp.Diff(map[string]string{"c/d": "2", "e": "3"}, stored(&store)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if _, err := u.Upload(t.Context(), conversation(t, "c"), files[:1]); !errors.Is(err, upload.ErrUnavailable) {
		t.Errorf("Upload of that file alone = %v, want ErrUnavailable", err)
	}
}

func TestFoldersAreAskedForUntilTheContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var store storetest.Memory
	_, err := newUploader(&store).Upload(ctx, conversation(t, "c"), []upload.File{text("a/b", "1")})
	if !errors.Is(err, upload.ErrUnavailable) || !errors.Is(err, context.Canceled) || len(store.Objects()) > 0 {
		t.Errorf("Upload = %v with %d objects, want the cancellation and none", err, len(store.Objects()))
	}
}

func TestFoldersOfManyRequestsAreForgotten(t *testing.T) {
	var store storetest.Memory
	u := newUploader(&store)
	u.Folders = new(upload.Folders)
	for request := range 10 {
		put(t, u, thousand(func(i int) string { return fmt.Sprintf("%d-%d/a.txt", request, i%100) })...)
	}
	if n := u.Folders.Len(); n < 100 || n > 4000 {
		t.Errorf("%d folders are remembered, want the last ones and at most 4000", n)
	}
}

func TestTwoRequestsAtOnceLoseNothing(t *testing.T) {
	for _, disk := range []bool{false, true} {
		store := storetest.Memory{Disk: disk}
		u := newUploader(&store)
		u.Folders = new(upload.Folders)
		var group sync.WaitGroup
		for i := range 40 {
			name := "a"
			if i%2 == 0 {
				name = "a/b"
			}
			group.Go(func() {
				outcomes, err := u.Upload(t.Context(), conversation(t, "c"), []upload.File{text(name, fmt.Sprint(i))})
				if err != nil || outcomes[0].Receipt == nil {
					t.Errorf("Upload = %+v, %v", outcomes, err)
				}
			})
		}
		group.Wait()
		if n := len(store.Objects()); n != 40 {
			t.Errorf("disk %t: %d objects of 40 files", disk, n)
		}
	}
}
