package filename_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/filename"
)

var ordinaryExtension = regexp.MustCompile(`^\.[a-z0-9]{1,19}$`)

func FuzzSafe(f *testing.F) {
	addRecorded(f)
	f.Add(strings.Repeat("é", 200) + ".tar.gz")
	f.Add(strings.Repeat("🇯🇵", 40))
	f.Add("a" + strings.Repeat("\u0301", 40) + "\u200d" + strings.Repeat("\u0301", 40))
	f.Fuzz(func(t *testing.T, name string) {
		got := filename.Safe(name, "image/png")
		checkSafe(t, got)
		extension := filepath.Ext(name)
		if len(name) > 1 && strings.Trim(name[:2], `/\`) == "" {
			return // of a server's name, which goes, an end is no extension
		}
		if ordinaryExtension.MatchString(extension) && !strings.HasSuffix(got, extension[1:]) {
			t.Errorf("Safe(%+q) = %+q: the extension is lost", name, got)
		}
	})
}

func FuzzAttachment(f *testing.F) {
	addRecorded(f)
	f.Fuzz(checkAttachment)
}

func addRecorded(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		for _, test := range recorded(f, file) {
			f.Add(test.in)
		}
	}
}
