package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// tag is the name of a file with the digits that the hash of its whole name has.
func tag(pattern, name string, digits int) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf(pattern, hex.EncodeToString(sum[:])[:digits])
}

// storedInTurn are files of which each came a second after the one before.
func storedInTurn(names ...string) []stored {
	all := make([]stored, len(names))
	for i, name := range names {
		all[i] = stored{name, time.Unix(int64(i), 0)}
	}
	return all
}

func TestDiskGivesEachFileANameOfItsOwn(t *testing.T) {
	tests := []struct {
		name  string
		taken []string
		in    []string // as they came
		want  []string // in the same order
	}{
		{"a tree", nil,
			[]string{"README.md", "src/main.py", "src/lib/a.py", ".env", ".github/workflows/ci.yml"},
			[]string{"README.md", "src/main.py", "src/lib/a.py", ".env", ".github/workflows/ci.yml"}},
		{"case alone", nil,
			[]string{"Report.txt", "report.txt", "REPORT.txt"},
			[]string{"Report.txt", tag("report~%s.txt", "report.txt", 8), tag("REPORT~%s.txt", "REPORT.txt", 8)}},
		{"the earlier one keeps its name, whatever the order of the bytes", nil,
			[]string{"report.txt", "Report.txt"},
			[]string{"report.txt", tag("Report~%s.txt", "Report.txt", 8)}},
		{"case in folders, which are one then", nil,
			[]string{"Docs/a.txt", "docs/b.txt", "docs/A.txt"},
			[]string{"Docs/a.txt", "docs/b.txt", tag("docs/A~%s.txt", "docs/A.txt", 8)}},
		{"letters beyond ASCII", nil,
			[]string{"ÉTÉ.txt", "été.txt", "straße", "STRASSE", "µ", "μ", "σ", "ς", "ı", "I"},
			[]string{
				"ÉTÉ.txt", tag("été~%s.txt", "été.txt", 8), "straße", tag("STRASSE~%s", "STRASSE", 8),
				"µ", tag("μ~%s", "μ", 8), "σ", tag("ς~%s", "ς", 8), "ı", tag("I~%s", "I", 8),
			}},
		{"joiners, which HFS+ does not see", nil,
			[]string{"می\u200cخواهم", "میخواهم"},
			[]string{"می\u200cخواهم", tag("میخواهم~%s", "میخواهم", 8)}},
		{"a file where a folder is", nil,
			[]string{"a/b", "a", "a/c"},
			[]string{"a/b", tag("a~%s", "a", 8), "a/c"}},
		{"a folder where a file is", nil,
			[]string{"a", "a/b", "a/c/d", "a/c/e"},
			[]string{"a", tag("a~%s/b", "a", 8), tag("a~%s/c/d", "a", 8), tag("a~%s/c/e", "a", 8)}},
		{"a folder where a file is, but for case", nil,
			[]string{"A", "a/b"},
			[]string{"A", tag("a~%s/b", "a", 8)}},
		{"a folder below where a file is", nil,
			[]string{"x/a.d", "x/a.d/b"},
			[]string{"x/a.d", tag("x/a~%s.d/b", "x/a.d", 8)}},
		{"the tag is taken too", nil,
			[]string{"A", tag("a~%s", "a", 8), "a"},
			[]string{"A", tag("a~%s", "a", 8), tag("a~%s", "a", 16)}},
		{"names of nobody's file", []string{".fetch.sh"},
			[]string{".fetch.sh", ".Fetch.sh", "a/.fetch.sh"},
			[]string{tag(".fetch~%s.sh", ".fetch.sh", 8), tag(".Fetch~%s.sh", ".Fetch.sh", 8), "a/.fetch.sh"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDisk(storedInTurn(test.in...), test.taken...)
			got := make([]string, len(test.in))
			for i, name := range test.in {
				got[i] = d.path(name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the names on a disk of %q (-want +got):\n%s", test.in, diff)
			}
		})
	}
}

func TestDiskKeepsNamesWhenOthersCome(t *testing.T) {
	all := storedInTurn("a", "b/c", "A", "a/x", "B", "b/C", "B/c/d")
	before := map[string]string{}
	for i := range all {
		d := newDisk(all[:i+1])
		for _, file := range all[:i+1] {
			path := d.path(file.name)
			if was, ok := before[file.name]; ok && was != path {
				t.Errorf("with %q the name of %q changes from %q to %q", all[i].name, file.name, was, path)
			}
			before[file.name] = path
		}
	}
}

func TestDiskPlacesLastWhatItWasNotMadeWith(t *testing.T) {
	d := newDisk(storedInTurn("a", "b/c"))
	for _, name := range []string{"A", "b", "a/x"} {
		if path := d.path(name); path == name || d.path(name) != path {
			t.Errorf("path(%q) = %q and then %q, want one other name", name, path, d.path(name))
		}
	}
}

// Whoever can upload can take the names that others would get.
func TestDiskFindsANameThoughAllTagsAreTaken(t *testing.T) {
	names := []string{"A"}
	for _, digits := range []int{8, 16, 32, 64} {
		names = append(names, tag("a~%s", "a", digits))
	}
	d := newDisk(storedInTurn(append(names, "a")...))
	seen := map[string]bool{}
	for _, name := range append(names, "a") {
		path := fold(d.path(name))
		if seen[path] {
			t.Errorf("two files are %q on the disk", path)
		}
		seen[path] = true
	}
}

func TestDiskOfManyFilesTakesTimeByTheirNumber(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, strings.Repeat("d/", 31)+fmt.Sprintf("%03d/a.txt", i))
	}
	d := newDisk(storedInTurn(names...))
	if n := len(d.folders); n > 1+31+200 {
		t.Errorf("%d folders, want each once", n)
	}
	if allocs := testing.AllocsPerRun(10, func() { d.path(names[100]) }); allocs != 0 {
		t.Errorf("a second look takes %v allocations, want 0", allocs)
	}
}

func TestFoldFoldsAllThatUnicodeDoes(t *testing.T) {
	full := cases.Fold()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S) {
			continue
		}
		name := "a" + string(r)
		for _, same := range []string{full.String(name), strings.ToUpper(name), strings.ToLower(name), norm.NFD.String(name)} {
			if fold(name) != fold(same) && r != 'İ' { // of which only Turkish makes an i
				t.Errorf("fold(%+q) = %+q, and fold(%+q) = %+q, want one", name, fold(name), same, fold(same))
			}
		}
	}
}
