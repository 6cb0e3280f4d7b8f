package filename_test

import (
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
)

func TestSafeKeepsTheEndOfAPathThatIsTooLong(t *testing.T) {
	f := strings.Repeat("f", 255)
	deep := strings.Repeat("d/", 40) + "a.txt"
	tests := []struct{ name, in, want string }{
		{"32 folders", deep[2*8:], deep[2*8:]},
		{"33 folders", deep[2*7:], deep[2*8:]},
		{"2,000 elements", strings.Repeat("d/", 2000) + "a.txt", deep[2*8:]},
		{"2,000 elements that go", "x/" + strings.Repeat("./../", 1000) + "a.txt", "x/a.txt"},
		{"512 bytes of folders", f + "/" + f + "/" + f, f + "/" + f + "/" + f},
		{"513 bytes of folders", "x/" + f + "/" + f[:254] + "/y.txt", f + "/" + f[:254] + "/y.txt"},
		{"a folder that does not fit", f + "/x/" + f + "/y.txt", "x/" + f + "/y.txt"},
		{"10,000 bytes in one folder", strings.Repeat("x", 10_000) + "/a.tar.gz", f[:0] + strings.Repeat("x", 255) + "/a.tar.gz"},
		{"10,000 bytes of folders", strings.Repeat("0123456789/", 900) + "a.txt", strings.Repeat("0123456789/", 32) + "a.txt"},
		{"10,000 bytes of wide folders", strings.Repeat("日本/", 1500) + "a.txt", strings.Repeat("日本/", 32) + "a.txt"},
		{"10,000 bytes at the end", "src/" + strings.Repeat("x", 10_000) + ".tar.gz", "src/" + strings.Repeat("x", 248) + ".tar.gz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := filename.Safe(test.in, "")
			if got != test.want {
				t.Errorf("Safe(%q) = %q, want %q", test.in, got, test.want)
			}
			checkSafe(t, got)
		})
	}
}

// Every name that is known to lead elsewhere, in front of a path, in its middle
// and at its end.
func TestSafeKeepsPathsBelowTheirFolder(t *testing.T) {
	files := []string{"django.txt", "hidden.txt", "paths.txt", "rclone.txt", "windows.txt"}
	for _, file := range files {
		for _, test := range recorded(t, "testdata/"+file) {
			for _, in := range []string{test.in + "/a.txt", "a/" + test.in + "/b.txt", "a/" + test.in, `a\` + test.in + `\b.txt`} {
				got := filename.Safe(in, "")
				if reason := whyUnsafe(got); reason != "" {
					t.Errorf("Safe(%+q) = %+q: %s", in, got, reason)
				}
				checkSafe(t, got)
			}
		}
	}
}

func TestInLeavesRoomForTheWholeKey(t *testing.T) {
	long := strings.Repeat("0123456/", 32) + strings.Repeat("x", 251) + ".txt"
	for _, size := range []int{0, 100, 512, 513, 520, 613, 700, 768, 769} {
		dir := strings.Repeat("p", size)
		got := filename.In(dir, long, "")
		if !strings.HasSuffix(long, got) || filename.Base(got) != filename.Base(long) || len(dir)+len(got) > filename.MaxKey {
			t.Errorf("In a folder of %d bytes the name is %q (%d bytes), want the end of the one that was sent within %d bytes of key",
				size, got, len(got), filename.MaxKey)
		}
		hashed := dir + filename.WithHash(got, sha256.Sum256(nil), 64)
		if len(hashed) > filename.MaxKey {
			t.Errorf("with a hash the key has %d bytes, want at most %d", len(hashed), filename.MaxKey)
		}
		if again := filename.In(dir, got, ""); again != got || !filename.Is(dir, got) {
			t.Errorf("In(dir, %q) = %q, want it to come back as it is", got, again)
		}
	}
	short := "src/main.py"
	if got := filename.In(strings.Repeat("p", 613), short, ""); got != short {
		t.Errorf("In the longest folder %q becomes %q, want it as it is", short, got)
	}
}

func TestLookupKnowsWhatNoFileCanBeNamed(t *testing.T) {
	tests := []struct {
		in, want string
		ok       bool
	}{
		{"a/b.txt", "a/b.txt", true},
		{"a?b", "a_b", true},
		{".env", ".env", true},
		{"re\u0301sume\u0301.pdf", "résumé.pdf", true},
		{"../a/./b.txt", "a/b.txt", true},
		{"", "", false},
		{".", "", false},
		{"..", "", false},
		{"../..", "", false},
		{"/", "", false},
		{"\u200b/ . ", "", false},
	}
	for _, test := range tests {
		got, ok := filename.Lookup("conversations/c/", test.in)
		if got != test.want || ok != test.ok {
			t.Errorf("Lookup(%+q) = %+q, %v, want %+q, %v", test.in, got, ok, test.want, test.ok)
		}
		if is := filename.Is("conversations/c/", test.in); is != (test.ok && test.in == test.want) {
			t.Errorf("Is(%+q) = %v", test.in, is)
		}
	}
}

func TestFoldersOfAName(t *testing.T) {
	tests := []struct {
		name, dir, base string
		folders         []string
	}{
		{"a.txt", "", "a.txt", nil},
		{"a/b.txt", "a/", "b.txt", []string{"a"}},
		{"a/b/c/d.txt", "a/b/c/", "d.txt", []string{"a", "a/b", "a/b/c"}},
	}
	for _, test := range tests {
		dir, base := filename.Split(test.name)
		if dir != test.dir || base != test.base {
			t.Errorf("Split(%q) = %q, %q", test.name, dir, base)
		}
		if diff := cmp.Diff(test.folders, slices.Collect(filename.Folders(test.name))); diff != "" {
			t.Errorf("Folders(%q) (-want +got):\n%s", test.name, diff)
		}
	}
}
