package direct_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/direct/directtest"
	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

func TestTheMemoryStoreIsADirectStore(t *testing.T) {
	m := new(directtest.Memory)
	directtest.Run(t, m, m.Send, "conversations/c/")
}

func conversation(t *testing.T, id string) upload.Conversation {
	t.Helper()
	c, err := upload.ParseConversation(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newLane(m *directtest.Memory) *direct.Lane {
	return &direct.Lane{Store: m, Prefix: "conversations/", MaxSize: direct.DefaultSize}
}

// film is a file of which only the name is said.
var film = direct.File{Name: "film.mp4", Size: -1}

func begin(t *testing.T, l *direct.Lane) direct.ID {
	t.Helper()
	begun, err := l.Begin(t.Context(), conversation(t, "c"), film)
	if err != nil {
		t.Fatal(err)
	}
	return begun.ID
}

func sendPart(t *testing.T, l *direct.Lane, id direct.ID, number int, data []byte) direct.Part {
	t.Helper()
	signed, err := l.SignPart(t.Context(), id, number, -1)
	if err != nil {
		t.Fatal(err)
	}
	status, etag := l.Store.(*directtest.Memory).Send(t, signed, data)
	if status != http.StatusOK {
		t.Fatalf("part %d is answered %d", number, status)
	}
	return direct.Part{Number: number, ETag: etag}
}

// codeOf is the code of a refusal; it is empty for another error.
func codeOf(err error) upload.Code {
	if r, ok := errors.AsType[*direct.Refusal](err); ok {
		return r.Code
	}
	return ""
}

func put(t *testing.T, m *directtest.Memory, key, data string) {
	t.Helper()
	if err := m.Create(t.Context(), storetest.NewObject(key, []byte(data))); err != nil {
		t.Fatal(err)
	}
}

func TestATakenNameGetsRandomDigits(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	put(t, m, "conversations/c/report.tar.gz", "other")
	seen := map[string]bool{}
	want := regexp.MustCompile(`^conversations/c/report~[0-9a-f]{8}\.tar\.gz$`)
	for range 3 {
		offer, err := l.Put(t.Context(), conversation(t, "c"), direct.File{Name: "report.tar.gz", Size: -1})
		key := offer.Key
		if err != nil || !want.MatchString(key) || seen[key] {
			t.Errorf("Put = %q, %v, want a new name of the kind of %s", key, err, want)
		}
		seen[key] = true
		if _, err := l.ParseID(conversation(t, "c"), key, "u"); err != nil {
			t.Errorf("ParseID(%q) = %v", key, err)
		}
	}
}

// said is a file of which all is said.
func said(name, data string) direct.File {
	return direct.File{Name: name, Size: int64(len(data)), SHA256: sha256.Sum256([]byte(data))}
}

// sendAll does what a client does that knows nothing of what is there, however
// its file gets there, and returns the answer of S3 or the refusal of the lane.
func sendAll(t *testing.T, l *direct.Lane, f direct.File, data string, inParts bool) (key string, there *upload.Outcome, status int) {
	t.Helper()
	if !inParts {
		offer, err := l.Put(t.Context(), conversation(t, "c"), f)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := l.Store.(*directtest.Memory).Send(t, offer.Signed, []byte(data))
		return offer.Key, offer.There, status
	}
	begun, err := l.Begin(t.Context(), conversation(t, "c"), f)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.ParseID(conversation(t, "c"), begun.Key, begun.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Complete(t.Context(), id, []direct.Part{sendPart(t, l, id, 1, []byte(data))})
	switch {
	case err != nil:
		t.Fatalf("Complete = %v", err)
	case got.Receipt.Key != begun.Key || got.Receipt.SHA256 != f.SHA256:
		t.Errorf("Complete = %+v, want a receipt for %q", got.Receipt, begun.Key)
	}
	return begun.Key, begun.There, http.StatusOK
}

// A retry after a lost answer says the same name, size and hash.
func TestAFileThatIsSentAgainMeetsItself(t *testing.T) {
	const data = "hello report"
	f := said("report.pdf", data)
	sum := f.SHA256
	for name, test := range map[string]struct {
		taken   string // what has the plain name before; empty means nothing
		inParts bool
		want    string
		again   int // S3's answer to the bytes
	}{
		"in one go":                             {"", false, "report.pdf", http.StatusPreconditionFailed},
		"in one go, the name is another's":      {"other", false, filename.WithHash("report.pdf", sum, 8), http.StatusPreconditionFailed},
		"in parts":                              {"", true, "report.pdf", http.StatusOK},
		"in parts, the name is another's":       {"other", true, filename.WithHash("report.pdf", sum, 8), http.StatusOK},
		"in one go, it came by the other lane":  {data, false, "report.pdf", http.StatusPreconditionFailed},
		"in parts, while it came by that other": {data, true, "report.pdf", http.StatusOK},
	} {
		m := new(directtest.Memory)
		l := newLane(m)
		if test.taken != "" {
			put(t, m, "conversations/c/report.pdf", test.taken)
		}
		before := len(m.Objects())
		if test.taken == data {
			before = 0
		}
		for try := range 4 {
			key, there, status := sendAll(t, l, f, data, test.inParts)
			isThere := try > 0 || test.taken == data
			want := http.StatusOK
			if isThere {
				want = test.again
			}
			if key != "conversations/c/"+test.want || status != want || (there != nil) != isThere {
				t.Errorf("%s, try %d: key %q, there %+v, status %d, want %q, %t, %d", name, try+1, key, there, status, test.want, isThere, want)
			}
			if there != nil && (there.Receipt.Key != key || there.Receipt.Name != test.want || there.Receipt.SHA256 != sum ||
				there.Receipt.Size != f.Size || there.Receipt.Link.URL == "") {
				t.Errorf("%s, try %d: there is %+v", name, try+1, there.Receipt)
			}
		}
		if n := len(m.Objects()) - before; n != 1 || m.Uploads() != 0 {
			t.Errorf("%s: %d objects and %d uploads are left, want one object", name, n, m.Uploads())
		}
	}
}

// What is only said of other bytes turns no file away.
func TestAFileIsOnlyTakenForOneThatItIs(t *testing.T) {
	const data = "hello report"
	f := said("report.pdf", data)
	lie := said("report.pdf", "no report at all")
	lie.SHA256 = f.SHA256
	for name, test := range map[string]struct {
		first   direct.File
		data    string
		next    direct.File
		inParts bool
	}{
		"its hash was declared of other bytes": {direct.File{Name: f.Name, Size: 16, SHA256: f.SHA256}, "no report at all", f, false},
		"and of another size":                  {lie, "no report at all", f, true},
		"no hash is said":                      {f, data, direct.File{Name: f.Name, Size: f.Size}, false},
		"no hash is said of one in parts":      {f, data, direct.File{Name: f.Name, Size: f.Size}, true},
		"a hash, and no size, of one in parts": {f, data, direct.File{Name: f.Name, Size: -1, SHA256: f.SHA256}, true},
		"another hash":                         {f, data, said(f.Name, "other"), false},
		"another hash, in parts":               {f, data, said(f.Name, "other"), true},
	} {
		m := new(directtest.Memory)
		l := newLane(m)
		sendAll(t, l, test.first, test.data, true)
		sent := data
		if test.next.SHA256 != f.SHA256 && test.next.SHA256 != [32]byte{} {
			sent = "other"
		}
		begun := test.next
		key, there, status := "", (*upload.Outcome)(nil), 0
		if begun.SHA256 == [32]byte{} && test.inParts {
			got, err := l.Begin(t.Context(), conversation(t, "c"), begun)
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Complete(t.Context(), got.ID, []direct.Part{sendPart(t, l, got.ID, 1, []byte(sent))})
			key, there, status = got.Key, got.There, http.StatusOK
			if err != nil {
				t.Errorf("%s: Complete = %v", name, err)
			}
		} else {
			key, there, status = sendAll(t, l, begun, sent, test.inParts)
		}
		if key == "conversations/c/report.pdf" || there != nil || status != http.StatusOK || string(m.Objects()[key]) != sent {
			t.Errorf("%s: key %q, there %+v, status %d, want the file under another name", name, key, there, status)
		}
	}
}

// Where two uploads of the same file are under way, both end well.
func TestTheLoserOfARaceWithItselfHasItsFile(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	var ids []direct.ID
	var parts [][]direct.Part
	for range 2 {
		begun, err := l.Begin(t.Context(), conversation(t, "c"), said("a", "data"))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, begun.ID)
		parts = append(parts, []direct.Part{sendPart(t, l, begun.ID, 1, []byte("data"))})
	}
	for _, i := range []int{0, 1, 1, 0} { // a lost answer makes a client complete again
		if got, err := l.Complete(t.Context(), ids[i], parts[i]); err != nil || got.Receipt.Key != "conversations/c/a" {
			t.Errorf("Complete of upload %d = %+v, %v", i, got.Receipt, err)
		}
	}
	if len(m.Objects()) != 1 || m.Uploads() != 0 {
		t.Errorf("%d objects and %d uploads are left, want one object", len(m.Objects()), m.Uploads())
	}
}

func TestAFirstUploadAsksTheStoreOnce(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	asked := map[string]int{}
	m.Fault = func(_ context.Context, call, _ string) (bool, error) {
		asked[call]++
		return false, nil
	}
	if _, err := l.Put(t.Context(), conversation(t, "c"), said("a", "data")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Begin(t.Context(), conversation(t, "c"), said("b", "data")); err != nil {
		t.Fatal(err)
	}
	if asked["describe"] != 2 || asked["sign"] != 1 || asked["begin"] != 1 || len(asked) != 3 {
		t.Errorf("calls of the store: %v, want a question and an act for each", asked)
	}
}

// Names that others have taken, even all of them, are no reason to refuse a file.
func TestAFileWhoseNamesAreAllTakenGetsRandomDigits(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	f := said("a.txt", "data")
	for _, digits := range []int{0, 8, 16, 64} {
		name := f.Name
		if digits > 0 {
			name = filename.WithHash(f.Name, f.SHA256, digits)
		}
		offer, err := l.Put(t.Context(), conversation(t, "c"), f)
		if err != nil || offer.Key != "conversations/c/"+name {
			t.Errorf("Put = %q, %v, want %q", offer.Key, err, name)
		}
		put(t, m, offer.Key, "other")
	}
	offer, err := l.Put(t.Context(), conversation(t, "c"), f)
	if want := regexp.MustCompile(`^conversations/c/a~[0-9a-f]{8}\.txt$`); err != nil || !want.MatchString(offer.Key) || m.Objects()[offer.Key] != nil {
		t.Errorf("Put = %q, %v, want random digits", offer.Key, err)
	}
}

// keyOf is where a file would be put.
func keyOf(t *testing.T, l *direct.Lane, name string) string {
	t.Helper()
	offer, err := l.Put(t.Context(), conversation(t, "c"), direct.File{Name: name, Size: -1})
	if err != nil {
		t.Fatalf("Put(%q) = %v", name, err)
	}
	return strings.TrimPrefix(offer.Key, "conversations/c/")
}

// "a" and "a/b" cannot both be on a disk, so the later one gets another name.
func TestNoFileGetsTheNameOfAFolder(t *testing.T) {
	var m directtest.Memory
	l := newLane(&m)
	l.Folders = new(upload.Folders)
	put(t, &m, "conversations/c/a", "file")
	folder := filename.WithHash("a", sha256.Sum256([]byte("a")), 8)
	for name, want := range map[string]string{"a/b": folder + "/b", "a/c/d": folder + "/c/d", "x/y/z": "x/y/z", "a.txt": "a.txt"} {
		if got := keyOf(t, l, name); got != want {
			t.Errorf("%q is put at %q, want %q", name, got, want)
		}
	}
	if got := keyOf(t, l, "x"); got != "x" {
		t.Errorf("x is put at %q, want x: nothing has arrived in the folder", got)
	}
	keyOf(t, l, "x/y/z")
	put(t, &m, "conversations/c/x/y/z", "file")
	for _, name := range []string{"x", "x/y"} {
		if got := keyOf(t, l, name); got == name || !strings.HasPrefix(got, name+"~") {
			t.Errorf("%q, the name of a folder, is put at %q", name, got)
		}
	}
}

func TestAFolderIsAskedForOnce(t *testing.T) {
	var m directtest.Memory
	asked := map[string]int{}
	m.Fault = func(_ context.Context, call, key string) (bool, error) {
		if call == "describe" {
			asked[strings.TrimPrefix(key, "conversations/c/")]++
		}
		return false, nil
	}
	l := newLane(&m)
	l.Folders = new(upload.Folders)
	for i := range 10 {
		keyOf(t, l, fmt.Sprintf("a/b/%d", i))
	}
	if asked["a"] != 1 || asked["a/b"] != 1 || len(asked) != 12 {
		t.Errorf("asked for %v, want each folder and each file once", asked)
	}
}

// What a store on a disk refuses at the end gets another name the next time.
func TestAnUploadThatADiskRefusesIsBegunElsewhere(t *testing.T) {
	for _, refusal := range []error{upload.ErrIsFolder, upload.ErrBelowFile} {
		var m directtest.Memory
		l := newLane(&m)
		l.Folders = new(upload.Folders)
		begun, err := l.Begin(t.Context(), conversation(t, "c"), direct.File{Name: "a/b", Size: -1})
		if err != nil {
			t.Fatal(err)
		}
		part := sendPart(t, l, begun.ID, 1, []byte("film"))
		m.Fault = func(_ context.Context, call, _ string) (bool, error) {
			if call == "complete" {
				return false, refusal
			}
			return false, nil
		}
		if _, err := l.Complete(t.Context(), begun.ID, []direct.Part{part}); codeOf(err) != direct.NameTaken {
			t.Errorf("after %v Complete = %v, want name_taken", refusal, err)
		}
		m.Fault = nil
		if m.Uploads() != 0 {
			t.Errorf("after %v the upload is still there", refusal)
		}
		if errors.Is(refusal, upload.ErrBelowFile) {
			put(t, &m, "conversations/c/a", "file")
		}
		if got := keyOf(t, l, "a/b"); got == "a/b" {
			t.Errorf("after %v the file is put at %q again", refusal, got)
		}
	}
}

// T13: whatever a client calls its file, the key is one of its conversation.
func TestHostileNamesStayInTheConversation(t *testing.T) {
	l := newLane(new(directtest.Memory))
	c := conversation(t, "c")
	for _, name := range []string{
		"../../d/x", `..\..\d\x`, "x/../../../d/x", "d/..", "c/c", "CON/aux.txt", strings.Repeat("d/", 2000) + "x", strings.Repeat("x/", 5000), "/etc/passwd", ".", "..", "...", "a/b", "a\x00b", "\r\nX-Evil: 1", "con", "-rf",
		"\u202egpj.exe", strings.Repeat("長", 400) + ".mp4", "a?b#c%2F", "\xff\xfe", " ", "?uploads", "é\u0301",
	} {
		offer, err := l.Put(t.Context(), c, direct.File{Name: name, Size: -1})
		key := offer.Key
		if err != nil {
			t.Errorf("Put(%q) = %v", name, err)
			continue
		}
		rest, ok := strings.CutPrefix(key, "conversations/c/")
		if !ok || rest == "" || filename.Safe(rest, "") != rest {
			t.Errorf("Put(%q) has the key %q", name, key)
		}
		if _, err := l.ParseID(c, key, "u"); err != nil {
			t.Errorf("ParseID(%q) = %v", key, err)
		}
	}
}

func TestParseIDTakesOnlyTheConversationsOwn(t *testing.T) {
	l := newLane(new(directtest.Memory))
	for _, test := range []struct{ key, id string }{
		{"conversations/d/a", "u"}, {"conversations/cc/a", "u"}, {"conversations/c", "u"}, {"conversations/c/", "u"},
		{"other/c/a", "u"}, {"conversations/c/../d/a", "u"}, {"conversations/c/a//b", "u"}, {"conversations/c/a\x00", "u"},
		{"conversations/c/a/../../d/b", "u"}, {"conversations/c/a/.", "u"}, {"conversations/c/a/", "u"}, {"conversations/c/...", "u"}, {"/conversations/c/a", "u"}, {"", "u"}, {"conversations/c/e\u0301", "u"},
		{"conversations/c/a", ""}, {"conversations/c/a", ".."}, {"conversations/c/a", "."}, {"conversations/c/a", "../x"},
		{"conversations/c/a", "u/v"}, {"conversations/c/a", `u\v`}, {"conversations/c/a", "u&key=v"}, {"conversations/c/a", "ü"},
		{"conversations/c/a", "0123456789abcdef."}, {"conversations/c/a", "0123456789abcdef..."},
		{"conversations/c/a", "0123456789abcdef../../x"}, {"conversations/c/a", strings.Repeat("u", 1025)},
	} {
		if id, err := l.ParseID(conversation(t, "c"), test.key, test.id); codeOf(err) != direct.NoUpload {
			t.Errorf("ParseID(%q, %q) = %v, %v, want no_such_upload", test.key, test.id, id, err)
		}
	}
	for _, id := range []direct.ID{
		{Key: "conversations/c/a b.txt", Upload: "2~aZ._-+=", Token: "0123456789abcdef", Size: -1},
		{Key: "conversations/c/.github/workflows/ci.yml", Upload: "u", Size: -1},
		{Key: "conversations/c/a", Upload: "a-1.b", Token: "0123456789abcdef"},
		{Key: "conversations/c/a", Upload: "u", Token: "0123456789abcdef", Size: direct.MaxSize},
		{Key: "conversations/c/a", Upload: "a.b", Size: -1},
		{Key: "conversations/c/a", Upload: "a-b.c", Token: "0123456789abcdef", Size: 7, SHA256: sha256.Sum256([]byte("a"))},
		{Key: "conversations/c/a", Upload: "0123456789abcdef-7-0.u", Size: -1},
		{Key: "conversations/c/a", Upload: "0123456789abcdef-7-.u", Size: -1},
		{Key: "conversations/c/a", Upload: "0123456789abcdef--1.u", Size: -1}, // not ours, so it is all the store's
		{Key: "conversations/c/a", Upload: "0123456789abcdef-.u", Size: -1},
		{Key: "conversations/c/a", Upload: "0123456789abcdef-9223372036854775808.u", Size: -1},
		{Key: "conversations/c/a", Upload: "01234567-8.u", Size: -1},
	} {
		if got, err := l.ParseID(conversation(t, "c"), id.Key, id.String()); err != nil || got != id {
			t.Errorf("ParseID(%q, %q) = %+v, %v, want %+v", id.Key, id, got, err, id)
		}
	}
}

func TestRulesHoldFromTheStart(t *testing.T) {
	rules, err := mediatype.ParseRules("video/*", ".mp4,.webm")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		file direct.File
		put  upload.Code
		part upload.Code // of an upload in parts
	}{
		{"right", direct.File{Name: "a.mp4", Size: 10}, "", ""},
		{"size not said", direct.File{Name: "a.mp4", Size: -1}, direct.SizeRequired, ""},
		{"too large", direct.File{Name: "a.mp4", Size: 11}, upload.TooLarge, upload.TooLarge},
		{"more than S3 takes", direct.File{Name: "a.mp4", Size: direct.MaxPut + 1}, upload.TooLarge, upload.TooLarge},
		{"extension", direct.File{Name: "a.mp3", Size: 1}, upload.ExtensionNotAllowed, upload.ExtensionNotAllowed},
		{"hidden extension", direct.File{Name: "a.mp4.exe", Type: "video/mp4", Size: 1}, upload.ExtensionNotAllowed, upload.ExtensionNotAllowed},
		{"no name", direct.File{Type: "video/mp4", Size: 1}, upload.EmptyName, upload.EmptyName},
	}
	for _, test := range tests {
		m := new(directtest.Memory)
		l := newLane(m)
		l.MaxSize, l.Rules = 10, rules
		if _, err := l.Put(t.Context(), conversation(t, "c"), test.file); codeOf(err) != test.put || (err != nil) != (test.put != "") {
			t.Errorf("%s: Put = %v, want %q", test.name, err, test.put)
		}
		_, beginErr := l.Begin(t.Context(), conversation(t, "c"), test.file)
		_, signErr := l.SignBegin(t.Context(), conversation(t, "c"), test.file)
		for _, err := range []error{beginErr, signErr} {
			if codeOf(err) != test.part || (err != nil) != (test.part != "") {
				t.Errorf("%s: Begin = %v, want %q", test.name, err, test.part)
			}
		}
	}
}

// One request takes 5 GiB, whatever the limit is.
func TestALargerFileGoesInParts(t *testing.T) {
	l := newLane(new(directtest.Memory))
	l.MaxSize = direct.MaxSize
	f := direct.File{Name: "a", Size: direct.MaxPut + 1}
	if _, err := l.Put(t.Context(), conversation(t, "c"), f); codeOf(err) != upload.TooLarge {
		t.Errorf("Put = %v, want too_large", err)
	}
	if _, err := l.Begin(t.Context(), conversation(t, "c"), f); err != nil {
		t.Errorf("Begin = %v", err)
	}
	// 10,000 parts of 5 GiB.
	const most = 53_687_091_200_000
	for size, want := range map[int64]upload.Code{most: "", most + 1: upload.TooLarge} {
		f.Size = size
		if _, err := l.Begin(t.Context(), conversation(t, "c"), f); codeOf(err) != want {
			t.Errorf("Begin with %d bytes = %v, want %q", size, err, want)
		}
	}
}

func TestAPartThatIsTooLargeIsToldWhichLimit(t *testing.T) {
	l := newLane(new(directtest.Memory))
	l.MaxSize = direct.MaxSize
	id := begin(t, l)
	if _, err := l.SignPart(t.Context(), id, 1, direct.MaxPut); err != nil {
		t.Errorf("SignPart of %d bytes = %v", int64(direct.MaxPut), err)
	}
	for _, test := range []struct {
		limit, size int64
		want        string
	}{
		{direct.MaxSize, direct.MaxPut + 1, "a part has at most 5368709120"},
		{direct.MaxSize, direct.MaxSize + 1, "at most 53687091200000 are accepted"},
		{10, 11, "at most 10 are accepted"},
	} {
		l.MaxSize = test.limit
		if _, err := l.SignPart(t.Context(), id, 1, test.size); codeOf(err) != upload.TooLarge || !strings.Contains(err.Error(), test.want) {
			t.Errorf("SignPart of %d bytes with the limit %d = %v, want %q", test.size, test.limit, err, test.want)
		}
	}
}

// A length of zero cannot be signed, so the hash of nothing is.
func TestAnEmptyFileStaysEmpty(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	offer, err := l.Put(t.Context(), conversation(t, "c"), direct.File{Name: "a", Size: 0})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := m.Send(t, offer.Signed, []byte("x")); status < 400 {
		t.Errorf("a byte is answered %d", status)
	}
	if status, _ := m.Send(t, offer.Signed, nil); status != http.StatusOK {
		t.Errorf("nothing is answered %d", status)
	}
}

func TestCompleteAnswersWithAReceipt(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	sum := sha256.Sum256([]byte("declared"))
	begun, err := l.Begin(t.Context(), conversation(t, "c"), direct.File{Name: "a b.mp4", Size: 1, SHA256: sum})
	if err != nil {
		t.Fatal(err)
	}
	id := begun.ID
	got, err := l.Complete(t.Context(), id, []direct.Part{sendPart(t, l, id, 1, []byte("x"))})
	if err != nil {
		t.Fatal(err)
	}
	r := *got.Receipt
	if !r.Link.Expires.After(time.Now()) || r.Link.URL == "" {
		t.Errorf("link = %+v", r.Link)
	}
	r.Link = upload.Link{}
	want := upload.Receipt{
		Name: "a b.mp4", Key: "conversations/c/a b.mp4", State: upload.Ready, Size: 1, ContentType: "video/mp4", SHA256: sum,
	}
	if r != want || got.Skip != nil || got.Err != nil {
		t.Errorf("Complete = %+v, %+v, want %+v", r, got, want)
	}
}

// What the client names must be there as it says, and it may try again.
func TestWrongPartsCanBeMended(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	id := begin(t, l)
	a, b := sendPart(t, l, id, 1, bytes.Repeat([]byte("a"), direct.MinPart)), sendPart(t, l, id, 2, []byte("b"))
	small := sendPart(t, l, id, 3, []byte("c"))
	for name, test := range map[string]struct {
		parts  []direct.Part
		reason string
	}{
		"none":          {nil, "no part"},
		"gap":           {[]direct.Part{a, {Number: 3, ETag: small.ETag}}, "part 3 stands where part 2 should"},
		"never sent":    {[]direct.Part{{Number: 0, ETag: a.ETag}}, "part 0 stands"},
		"negative":      {[]direct.Part{{Number: -1, ETag: a.ETag}}, "part -1 stands"},
		"order":         {[]direct.Part{b, a}, "part 2 stands where part 1 should"},
		"twice":         {[]direct.Part{a, a}, "part 1 stands where part 2 should"},
		"swapped ETags": {[]direct.Part{{Number: 1, ETag: b.ETag}, {Number: 2, ETag: a.ETag}}, "Part 1 has another ETag"},
		"empty ETag":    {[]direct.Part{{Number: 1}}, "Part 1 has another ETag"},
		"small":         {[]direct.Part{a, b, small}, "Part 2 has 1 bytes"},
	} {
		got, err := l.Complete(t.Context(), id, test.parts)
		if codeOf(err) != direct.WrongParts || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: Complete = %+v, %v, want wrong_parts: %s", name, got, err, test.reason)
		}
	}
	if got, err := l.Complete(t.Context(), id, []direct.Part{a, b}); err != nil || got.Receipt.Size != direct.MinPart+1 {
		t.Errorf("then Complete = %+v, %v", got, err)
	}
}

// A part that was never sent makes a gap, or a file that is too short.
func TestAnUploadWithAHoleMakesNoFile(t *testing.T) {
	first, second, third := bytes.Repeat([]byte("1"), direct.MinPart), bytes.Repeat([]byte("2"), direct.MinPart), []byte("3")
	whole := int64(len(first) + len(second) + len(third))
	for name, size := range map[string]int64{"of a size that was said": whole, "of another": -1} {
		m := new(directtest.Memory)
		l := newLane(m)
		begun, err := l.Begin(t.Context(), conversation(t, "c"), direct.File{Name: "film.mp4", Size: size})
		if err != nil {
			t.Fatal(err)
		}
		// What the client sends back is all that is known of it.
		id, err := l.ParseID(conversation(t, "c"), begun.Key, begun.String())
		if err != nil {
			t.Fatal(err)
		}
		a, c := sendPart(t, l, id, 1, first), sendPart(t, l, id, 3, third)
		refuses := func(what string, parts []direct.Part, reason string) {
			t.Helper()
			got, err := l.Complete(t.Context(), id, parts)
			if codeOf(err) != direct.WrongParts || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s, %s: Complete = %+v, %v, want wrong_parts: %s", name, what, got.Receipt, err, reason)
			}
		}
		refuses("a gap", []direct.Part{a, c}, "part 3 stands where part 2 should")
		refuses("one that is not there", []direct.Part{a, {Number: 2, ETag: a.ETag}, c}, "Part 2 has not been uploaded")
		if signed, err := l.SignComplete(t.Context(), id); codeOf(err) != direct.WrongParts {
			t.Errorf("%s: SignComplete = %+v, %v, want wrong_parts", name, signed, err)
		}
		if size >= 0 {
			refuses("too short", []direct.Part{a}, fmt.Sprintf("have %d bytes in all; the file has %d", len(first), whole))
			long := sendPart(t, l, id, 2, append(bytes.Clone(second), 'x'))
			refuses("too long", []direct.Part{a, long, c}, fmt.Sprintf("have %d bytes in all; the file has %d", whole+1, whole))
		}
		b := sendPart(t, l, id, 2, second)
		if got, err := l.Complete(t.Context(), id, []direct.Part{a, b, c}); err != nil || got.Receipt.Size != whole {
			t.Errorf("%s: then Complete = %+v, %v", name, got.Receipt, err)
		}
	}
}

func TestATooLargeUploadIsAborted(t *testing.T) {
	for name, complete := range map[string]func(*direct.Lane, direct.ID, []direct.Part) error{
		"complete": func(l *direct.Lane, id direct.ID, parts []direct.Part) error {
			_, err := l.Complete(context.Background(), id, parts)
			return err
		},
		"sign": func(l *direct.Lane, id direct.ID, _ []direct.Part) error {
			_, err := l.SignComplete(context.Background(), id)
			return err
		},
	} {
		m := new(directtest.Memory)
		l := newLane(m)
		l.MaxSize = direct.MinPart + 1
		id := begin(t, l)
		parts := []direct.Part{sendPart(t, l, id, 1, make([]byte, direct.MinPart)), sendPart(t, l, id, 2, []byte("bb"))}
		if err := complete(l, id, parts); codeOf(err) != upload.TooLarge {
			t.Errorf("%s: %v, want too_large", name, err)
		}
		if m.Uploads() != 0 || len(m.Objects()) != 0 {
			t.Errorf("%s: %d uploads and %d objects are left", name, m.Uploads(), len(m.Objects()))
		}
	}
}

// F27: two uploads race for a name; the loser is told, and gets another.
func TestTheLoserOfARaceGetsAnotherName(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	first, second, third := begin(t, l), begin(t, l), begin(t, l)
	parts := []direct.Part{sendPart(t, l, first, 1, []byte("first"))}
	if _, err := l.Complete(t.Context(), first, parts); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Complete(t.Context(), second, []direct.Part{sendPart(t, l, second, 1, []byte("second"))}); codeOf(err) != direct.NameTaken {
		t.Errorf("Complete of the second = %v, want name_taken", err)
	}
	sendPart(t, l, third, 1, []byte("third"))
	if _, err := l.SignComplete(t.Context(), third); codeOf(err) != direct.NameTaken {
		t.Errorf("SignComplete of the third = %v, want name_taken", err)
	}
	if n := m.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	again := begin(t, l)
	if _, err := l.Complete(t.Context(), again, []direct.Part{sendPart(t, l, again, 1, []byte("second"))}); err != nil || again.Key == first.Key {
		t.Errorf("the second try: %q, %v", again.Key, err)
	}
	if got := m.Objects(); len(got) != 2 || string(got[first.Key]) != "first" || string(got[again.Key]) != "second" {
		t.Errorf("objects = %q", got)
	}
}

// F28: whatever becomes of the answers, what the client is told is what is there.
func TestCompletionIsSettled(t *testing.T) {
	unavailable := fmt.Errorf("%w: reset", upload.ErrUnavailable)
	broken := errors.New("access denied")
	for name, test := range map[string]struct {
		call  string
		done  bool
		err   error
		want  error // of the first try; nil wants a receipt
		again error // of the second
	}{
		"the answer is lost":           {"complete", true, unavailable, nil, nil},
		"the store is down":            {"complete", false, unavailable, upload.ErrUnavailable, nil},
		"parts changed":                {"complete", false, direct.ErrParts, &direct.Refusal{Code: direct.WrongParts}, nil},
		"another request completed":    {"complete", true, direct.ErrNoUpload, nil, nil},
		"another object was there":     {"complete", false, upload.ErrExists, upload.ErrUnavailable, nil}, // and is gone again
		"not allowed":                  {"complete", false, broken, broken, nil},
		"the parts cannot be listed":   {"parts", false, unavailable, upload.ErrUnavailable, nil},
		"the object cannot be seen":    {"describe", false, unavailable, upload.ErrUnavailable, nil},
		"there is no link":             {"link", false, unavailable, upload.ErrUnavailable, nil},
		"lost, and it cannot be asked": {"complete describe", true, unavailable, upload.ErrUnavailable, nil},
	} {
		m := new(directtest.Memory)
		l := newLane(m)
		id := begin(t, l)
		parts := []direct.Part{sendPart(t, l, id, 1, []byte("x"))}
		m.Fault = func(_ context.Context, call, _ string) (bool, error) {
			if strings.Contains(test.call, call) {
				return test.done, test.err
			}
			return false, nil
		}
		got, err := l.Complete(t.Context(), id, parts)
		if want, ok := test.want.(*direct.Refusal); ok {
			if codeOf(err) != want.Code {
				t.Errorf("%s: Complete = %v, want %s", name, err, want.Code)
			}
		} else if !errors.Is(err, test.want) || err == nil && got.Receipt.Size != 1 {
			t.Errorf("%s: Complete = %+v, %v, want %v", name, got.Receipt, err, test.want)
		}
		m.Fault = nil
		if got, err := l.Complete(t.Context(), id, parts); !errors.Is(err, test.again) || err == nil && got.Receipt.Size != 1 {
			t.Errorf("%s: then Complete = %+v, %v, want %v", name, got.Receipt, err, test.again)
		}
	}
}

// A store that says yes to a completion which another upload has won.
func TestASuccessOfAnotherUploadIsNone(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	id := begin(t, l)
	parts := []direct.Part{sendPart(t, l, id, 1, []byte("mine"))}
	l.Store = agreeable{m}
	put(t, m, id.Key, "other")
	if got, err := l.Complete(t.Context(), id, parts); codeOf(err) != direct.NameTaken {
		t.Errorf("Complete = %+v, %v, want name_taken", got.Receipt, err)
	}
}

type agreeable struct{ *directtest.Memory }

func (agreeable) Complete(context.Context, direct.ID, []direct.Part, int64) error { return nil }

func TestOfAnotherObjectNoReceiptIsGiven(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	id := begin(t, l)
	parts := []direct.Part{sendPart(t, l, id, 1, []byte("mine"))}
	if err := l.Abort(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	put(t, m, id.Key, "other")
	for _, token := range []string{id.Token, "", "fedcba9876543210"} {
		id.Token = token
		if got, err := l.Complete(t.Context(), id, parts); codeOf(err) != direct.NoUpload {
			t.Errorf("Complete with token %q = %+v, %v, want no_such_upload", token, got.Receipt, err)
		}
	}
}

// An upload that the client began itself, with a signed request, has no token.
func TestAnUploadWithoutATokenCanBeCompleted(t *testing.T) {
	m := new(directtest.Memory)
	l := newLane(m)
	upload, err := m.Begin(t.Context(), direct.Object{Key: "conversations/c/a"})
	if err != nil {
		t.Fatal(err)
	}
	id := direct.ID{Key: "conversations/c/a", Upload: upload, Size: -1}
	if got, err := l.Complete(t.Context(), id, []direct.Part{sendPart(t, l, id, 1, []byte("x"))}); err != nil || got.Receipt.Size != 1 {
		t.Errorf("Complete = %+v, %v", got.Receipt, err)
	}
}

func TestAFileWithoutTheRequiredTagIsPending(t *testing.T) {
	for name, test := range map[string]struct {
		tags map[string]string
		err  error
		want upload.State
	}{
		"not yet":       {nil, nil, upload.Pending},
		"clean":         {map[string]string{"scan": "clean"}, nil, upload.Ready},
		"not clean":     {map[string]string{"scan": "threat"}, nil, upload.Blocked},
		"cannot be had": {nil, upload.ErrUnavailable, upload.Pending},
	} {
		m := &directtest.Memory{}
		m.Tags = map[string]map[string]string{"conversations/c/film.mp4": test.tags}
		m.Fault = func(_ context.Context, call, _ string) (bool, error) {
			if call == "tag" {
				return false, test.err
			}
			return false, nil
		}
		l := newLane(m)
		l.Required = upload.Tag{Key: "scan", Value: "clean"}
		id := begin(t, l)
		got, err := l.Complete(t.Context(), id, []direct.Part{sendPart(t, l, id, 1, []byte("x"))})
		if err != nil || got.Receipt.State != test.want || !errors.Is(got.Err, test.err) {
			t.Errorf("%s: %+v, %v, %v, want %s", name, got.Receipt, got.Err, err, test.want)
		}
	}
}

// Completing ends before the context does, which leaves time to settle it.
func TestASlowCompletionIsSettledInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(directtest.Memory)
		l := newLane(m)
		id := begin(t, l)
		parts := []direct.Part{sendPart(t, l, id, 1, []byte("x"))}
		m.Fault = func(ctx context.Context, call, _ string) (bool, error) {
			if call == "complete" {
				<-ctx.Done()
				return true, fmt.Errorf("%w: %w", upload.ErrUnavailable, ctx.Err())
			}
			return false, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got, err := l.Complete(ctx, id, parts); err != nil || got.Receipt.Size != 1 {
			t.Errorf("Complete = %+v, %v, want the receipt", got.Receipt, err)
		}
	})
}
