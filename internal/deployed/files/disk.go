package files

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// A disk gives files names under which all of them fit on the disk of any
// system, where the bucket has more room: there "a" and "a/b" can both be
// files, and so can "Report.txt" and "report.txt".
//
// A file keeps its name unless an earlier one is in its way. Otherwise its name
// gets a tag, as one that is taken does in an upload: "report~3f2a9c1b.txt".
// Where an earlier file has the name of a folder, the folder gets the tag, once
// for all of its files.
//
// Earlier is what was stored earlier, so that a file keeps the name that it got
// when others come. The digits are those of the hash of the name, so that they
// are the same each time.
type disk struct {
	taken   map[string]kind   // by folded path
	folders map[string]string // the path of a folder on the disk, by the one that was stored
	files   map[string]string // the same of files
}

// kind is what has a name.
type kind byte

const (
	nothing kind = iota
	aFolder
	aFile
)

// stored is a file that a disk is for.
type stored struct {
	name     string
	modified time.Time
}

// newDisk places files. The names in taken are those of nobody's file.
func newDisk(all []stored, taken ...string) *disk {
	d := &disk{taken: map[string]kind{}, folders: map[string]string{"": ""}, files: make(map[string]string, len(all))}
	for _, name := range taken {
		d.taken[fold(name)] = aFile
	}
	all = slices.SortedStableFunc(slices.Values(all), func(a, b stored) int {
		return cmp.Or(a.modified.Compare(b.modified), strings.Compare(a.name, b.name))
	})
	for _, file := range all {
		d.place(file.name)
	}
	return d
}

// has reports whether a file or a folder has a name, on some system.
func (d *disk) has(name string) bool { return d.taken[fold(name)] != nothing }

// movedReason says why a file lies elsewhere than under its name, and before the
// path where it lies.
const movedReason = "another file or a folder has this name on some disks; it is here as "

// diskOf is a disk for the objects of a listing.
func (f *Files) diskOf(c upload.Conversation, objects []s3object.Info, taken ...string) *disk {
	all := make([]stored, len(objects))
	for i, o := range objects {
		all[i] = stored{f.name(c, o), o.Modified}
	}
	return newDisk(all, taken...)
}

// path is where a file lies on the disk. It is the name of the file, or another
// of which people should be told. A file that the disk was not made with comes
// after all others.
func (d *disk) path(name string) string {
	if path, ok := d.files[name]; ok {
		return path
	}
	return d.place(name)
}

func (d *disk) place(name string) string {
	dir, _ := filename.Split(name)
	path := d.free(d.folder(dir), name, nothing)
	d.taken[fold(path)] = aFile
	d.files[name] = path
	return path
}

// folder is where a folder lies on the disk. It has a slash at its end, or is
// empty.
func (d *disk) folder(dir string) string {
	if path, ok := d.folders[dir]; ok {
		return path
	}
	name := strings.TrimSuffix(dir, "/")
	parent, _ := filename.Split(name)
	path := d.free(d.folder(parent), name, aFolder)
	d.taken[fold(path)] = aFolder
	d.folders[dir] = path + "/"
	return path + "/"
}

// free is a name in a folder of the disk that nothing has, or what may be
// shared. Whoever knows a name can take some of those that it could get, so
// there is no end to them.
func (d *disk) free(folder, name string, shared kind) string {
	_, last := filename.Split(name)
	path := folder + last
	sum := sha256.Sum256([]byte(name))
	for digits := 8; ; digits *= 2 {
		if has := d.taken[fold(path)]; has == nothing || has == shared {
			return path
		}
		path = folder + filename.WithHash(last, sum, digits)
		if digits >= 64 {
			sum = sha256.Sum256(sum[:])
		}
	}
}

// fold makes one text of names that are one on a disk of macOS or Windows. Those
// fold case by different tables, and HFS+ does not see joiners; a name that only
// one of them takes for another's counts here. Unicode's full case folding falls
// out of upper case in decomposed form, but for the letters that have more than one
// capital (https://www.unicode.org/Public/UCD/latest/ucd/CaseFolding.txt, status F).
func fold(name string) string {
	if isASCII(name) {
		return strings.ToLower(name)
	}
	visible := func(r rune) rune {
		if unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return -1
		}
		return unicode.ToUpper(r)
	}
	folded := strings.ToLower(strings.Map(visible, norm.NFD.String(name)))
	return norm.NFC.String(manyCapitals.Replace(folded))
}

var manyCapitals = strings.NewReplacer("ß", "ss", "ŉ", "ʼn", "ẚ", "aʾ", "և", "եւ",
	"ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬅ", "st", "ﬆ", "st",
	"ﬓ", "մն", "ﬔ", "մե", "ﬕ", "մի", "ﬖ", "վն", "ﬗ", "մխ")

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}
