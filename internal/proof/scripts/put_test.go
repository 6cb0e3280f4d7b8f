package scripts_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// odd are names as people give them, which a shell, curl and a form could mistake.
var odd = []string{
	"plain.txt", "with space.txt", " leading", "-rf", "$(touch pwned)", "`touch pwned`", "';touch pwned;'", "a&&b", "a|b", "~", "#x", "100%.txt",
	"日本.txt", "é", "[a-z]", "{a,b}", "a=b", "@file", "it's", "comma,semi;colon", "%22", "a%2Fb", ".env", "<in", "=x",
}

// random are bytes that compress to nothing less.
func random(size int, seed byte) string {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	return string(data)
}

// hashes are those of a tree's files.
func hashes(files map[string]string) []string {
	var all []string
	for _, data := range files {
		sum := sha256.Sum256([]byte(data))
		all = append(all, hex.EncodeToString(sum[:]))
	}
	return all
}

// sameBytes compares trees whose names the store may have changed.
func sameBytes(t *testing.T, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(count(hashes(want)), count(hashes(got))); diff != "" {
		t.Errorf("hashes of the files (-want +got):\n%s", diff)
	}
}

func count(of []string) map[string]int {
	n := map[string]int{}
	for _, s := range of {
		n[s]++
	}
	return n
}

func TestPutSendsFilesAndFoldersFromEveryShell(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find")
	s := start(t, nil)
	files := map[string]string{"report.pdf": "%PDF-1.7", "out/empty": "", "out/large.bin": random(5_000_000, 1), "out/deep/er/x.txt": "deep"}
	for i, name := range odd {
		files["out/odd/"+name] = fmt.Sprintf("%d: %s", i, name)
	}
	for i := range 120 { // several forms
		files[fmt.Sprintf("out/many/%03d.txt", i)] = fmt.Sprint(i)
	}
	folder := t.TempDir()
	write(t, folder, files)
	for i, shell := range shells() {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			conversation := fmt.Sprintf("put-%d", i)
			r := s.script(t, "put.sh", conversation, folder, "report.pdf", "out/")
			r.shell = shell
			status, out, errOut := r.run(t)
			if lines := strings.Count(out, "\n"); status != 0 || lines != len(files) || errOut != fmt.Sprintf("put.sh: %d sent, 0 failed\n", len(files)) {
				t.Fatalf("it ended with %d, told of %d files of %d, and said %q", status, lines, len(files), errOut)
			}
			if !strings.Contains(out, "report.pdf\treport.pdf\n") {
				t.Errorf("it told\n%s\nwant path and name of each file", out)
			}
			there := s.files(t, conversation)
			sameBytes(t, files, there)
			if status, _, errOut := r.run(t); status != 0 {
				t.Errorf("again, it ended with %d and said %q", status, errOut)
			}
			if again := s.files(t, conversation); len(again) != len(there) {
				t.Errorf("again, there are %d files, want %d", len(again), len(there))
			}
		})
	}
}

func TestPutTellsURLsThatOpenTheFile(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a.txt": "hello", "b.bin": random(4_100_000, 2)})
	status, out, errOut := s.script(t, "put.sh", "urls", folder, "-u", "a.txt", "b.bin").run(t)
	if status != 0 {
		t.Fatalf("it ended with %d and said %q", status, errOut)
	}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "http://127.0.0.1:") {
			t.Errorf("it told %q, want path, name and URL", line)
		}
	}
}

// Of a path that leads up or begins at the root its last element stays.
func TestPutNamesFilesAsTheyAreGiven(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"in/a.txt": "1", "up.txt": "2", "in/sub/b.txt": "3", "-c.txt": "4"})
	r := s.script(t, "put.sh", "names", filepath.Join(folder, "in"), "./a.txt", "../up.txt", "sub//", filepath.Join(folder, "-c.txt"))
	status, out, errOut := r.run(t)
	if status != 0 || strings.Count(out, "\n") != 4 {
		t.Errorf("it ended with %d, told\n%s\nand said %q", status, out, errOut)
	}
	sameBytes(t, map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}, s.files(t, "names"))
}

func TestPutNamesWhatItCannotSendAndSendsTheRest(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find")
	s := start(t, map[string]string{"ALLOWED_EXTENSIONS": "txt"})
	folder := t.TempDir()
	write(t, folder, map[string]string{"dir/.fetch-12/new/half.txt": "ha", "good.txt": "good", "bad.exe": "MZ", "bad-large.exe": random(4_100_000, 3), "dir/line\nbreak.txt": "x", "tab\there.txt": "y", "return\r": "z"})
	if err := os.Symlink("good.txt", filepath.Join(folder, "dir/link.txt")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe.txt"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.script(t, "put.sh", "cannot", folder, "good.txt", "bad.exe", "bad-large.exe", "dir", "tab\there.txt", "return\r", "pipe.txt", "missing.txt", "")
	status, out, errOut := r.run(t)
	if status != 1 || out != "good.txt\tgood.txt\n" {
		t.Errorf("it ended with %d and told %q, want 1 and the good file", status, out)
	}
	for _, want := range []string{
		"bad.exe: ", "bad-large.exe: ", "dir: a file in it has a line break in its name. Rename it.", "tab?here.txt: its name has a line break or a tab",
		"dir/link.txt: it is a link. Name the file", "pipe.txt: it is no ordinary file", "return?: its name has a line break", "missing.txt: there is no such file.", "'': an argument is empty", "1 sent, 9 failed",
	} {
		if !strings.Contains(errOut, want) {
			t.Errorf("it said\n%s\nwant %q", errOut, want)
		}
	}
	if diff := cmp.Diff(map[string]string{"good.txt": "good"}, s.files(t, "cannot")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestPutNeedsItsKeyAndItsTools(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "dash")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a.txt": "1", "large": random(4_100_000, 4)})
	none := t.TempDir()
	for _, tt := range []struct {
		name   string
		env    []string
		args   []string
		status int
		want   string
	}{
		{"a wrong key", []string{"SESSION_API_KEY=wrong"}, []string{"a.txt"}, 3, "the session key does not open this conversation"},
		{"a wrong key and a large file", []string{"SESSION_API_KEY=wrong"}, []string{"large"}, 3, "the session key does not open this conversation"},
		{"a key of two lines", []string{"SESSION_API_KEY=a\nurl = \"http://localhost:1\""}, []string{"a.txt"}, 2, "the session key is not one line"},
		{"no tools", []string{"PATH=" + none}, []string{"a.txt"}, 2, "neither sha256sum nor shasum is there"},
		{"nobody there", []string{"PUT_URL=http://127.0.0.1:1/api/conversations/x"}, []string{"a.txt", "large"}, 1, "nothing answered"},
		{"no files", nil, nil, 2, "name the files and folders"},
	} {
		r := s.script(t, "put.sh", "needs", folder, tt.args...)
		r.shell, r.env = "/bin/dash", append(r.env, tt.env...)
		status, out, errOut := r.run(t)
		if status != tt.status || out != "" || !strings.Contains(errOut, tt.want) {
			t.Errorf("%s: it ended with %d, told %q and said %q, want %d and %q", tt.name, status, out, errOut, tt.status, tt.want)
		}
	}
	if there := s.files(t, "needs"); len(there) != 0 {
		t.Errorf("there are %v", there)
	}
}

// Neither the key nor a signed URL is among the arguments of a program.
func TestScriptsHideKeyAndURLsFromTheListOfProcesses(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "mksh")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a.txt": "1", "b": random(4_100_000, 5), "c": random(2_000_000, 6)})
	for _, shell := range shells() {
		said := filepath.Join(t.TempDir(), "arguments")
		fetch := ""
		for _, name := range []string{"put.sh", "fetch.sh"} {
			r := s.script(t, name, "hidden", folder, "-u", "a.txt", "b", "c")
			r.shell = shell
			if name == "fetch.sh" {
				fetch = t.TempDir()
				r.args = []string{fetch}
			}
			r.env = append(r.env, "PUT_PARTS_ABOVE=4050000")
			for _, program := range []string{"curl", "printf", "sed", "cat", "ln"} {
				r.standIn(t, program, `PATH=${PATH#*:}; echo "$0 $*" >>'`+said+`'; exec "$REAL" "$@"`)
				r.env = append(r.env, "PATH="+strings.TrimPrefix(r.env[len(r.env)-1], "PATH="))
			}
			if status, _, errOut := r.run(t); status != 0 {
				t.Fatalf("%s %s ended with %d and said %q", shell, name, status, errOut)
			}
		}
		arguments, err := os.ReadFile(said)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{s.SecretValue, "X-Amz-Signature"} {
			if strings.Contains(string(arguments), secret) {
				t.Errorf("%s: a program had %q among its arguments", shell, secret[:8])
			}
		}
	}
}

func TestPutSaysThatAFileChangedWhileItWasSent(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	for _, tt := range []struct {
		name string
		size int
		env  string
	}{{"small", 10, ""}, {"in one go", 4_100_000, ""}, {"in parts", 4_100_000, "PUT_PARTS_ABOVE=4050000"}} {
		folder := t.TempDir()
		write(t, folder, map[string]string{"a": random(tt.size, 7)})
		r := s.script(t, "put.sh", "changed", folder, "a")
		r.env = append(r.env, tt.env)
		r.standIn(t, "curl", `"$REAL" "$@"; rc=$?; case $* in *--version*) ;; *) sleep 0.1; echo more >>a ;; esac; exit $rc`)
		status, out, errOut := r.run(t)
		if status != 1 || out != "" || !strings.Contains(errOut, "a: ") {
			t.Errorf("%s: it ended with %d, told %q and said %q", tt.name, status, out, errOut)
		}
	}
}

// A curl that cannot do many things at once does one after the other.
func TestScriptsWorkWithAnOldCurl(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder, back := t.TempDir(), t.TempDir()
	files := map[string]string{"b": random(4_100_000, 9)}
	for i := range 120 {
		files[fmt.Sprintf("f%d", i)] = fmt.Sprint(i)
	}
	write(t, folder, files)
	const old = `for a do case $a in --parallel | --no-progress-meter) echo "curl: option $a: is unknown" >&2; exit 2 ;; esac; done; exec "$REAL" "$@"`
	r := s.script(t, "put.sh", "old", folder, ".")
	r.standIn(t, "curl", old)
	if status, out, errOut := r.run(t); status != 0 || strings.Count(out, "\n") != len(files) {
		t.Fatalf("put.sh ended with %d and said %q", status, errOut)
	}
	r = s.script(t, "fetch.sh", "old", back)
	r.standIn(t, "curl", old)
	if status, out, errOut := r.run(t); status != 0 || out != "121 downloaded, 0 already there, 0 failed\n" {
		t.Errorf("fetch.sh ended with %d, told %q and said %q", status, out, errOut)
	}
	if diff := cmp.Diff(files, tree(t, back)); diff != "" {
		t.Errorf("files (-want +got):\n%.2000s", diff)
	}
}

// What is killed at any moment and run again ends with the right files and nothing
// else, there and here.
func TestScriptsThatAreKilledGoOn(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find")
	s := start(t, nil)
	files := map[string]string{"a/large": random(6_000_000, 10), "a/parts": random(20_000_000, 11)}
	for i := range 120 {
		files[fmt.Sprintf("f%d.txt", i)] = random(3000, byte(i))
	}
	folder := t.TempDir()
	write(t, folder, files)
	put := s.script(t, "put.sh", "killed", folder, ".")
	put.env = append(put.env, "PUT_PARTS_ABOVE=10000000")
	began := time.Now()
	if status, _, errOut := put.run(t); status != 0 {
		t.Fatalf("put.sh ended with %d and said %q", status, errOut)
	}
	took := time.Since(began)
	there := s.files(t, "killed")
	for i := range 10 {
		t.Run(fmt.Sprintf("put.sh %d", i), func(t *testing.T) {
			t.Parallel()
			conversation := fmt.Sprintf("killed-%d", i)
			put := s.script(t, "put.sh", conversation, folder, ".")
			put.env = append(put.env, "PUT_PARTS_ABOVE=10000000")
			put.kill(t, took, i)
			if status, out, errOut := put.run(t); status != 0 || strings.Count(out, "\n") != len(files) {
				t.Fatalf("put.sh ended with %d and said %q", status, errOut)
			}
			sameBytes(t, files, s.files(t, conversation))
		})
		t.Run(fmt.Sprintf("fetch.sh %d", i), func(t *testing.T) {
			t.Parallel()
			back := t.TempDir()
			fetch := s.script(t, "fetch.sh", "killed", back)
			fetch.kill(t, took, i)
			if status, out, errOut := fetch.run(t); status != 0 {
				t.Fatalf("fetch.sh ended with %d, told %q and said %q", status, out, errOut)
			}
			if got := tree(t, back); !maps.Equal(there, got) {
				t.Errorf("there are %d files, want %d and the same bytes", len(got), len(there))
			}
		})
	}
}

// kill begins a run and kills it, with all its children or alone, at a random
// moment of what one takes.
func (r *run) kill(t *testing.T, took time.Duration, i int) {
	t.Helper()
	cmd := r.command(t.Context())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(rand.N(took))
	target, signal := -cmd.Process.Pid, syscall.SIGKILL
	if i%2 == 1 {
		signal = syscall.SIGTERM
	}
	if i%3 == 2 {
		target = cmd.Process.Pid
	}
	_ = syscall.Kill(target, signal) // it may have ended
	_ = cmd.Wait()
}

func TestPutGoesOnWithThePartsThatAreMissing(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"film": random(60_000_000, 12)})
	r := s.script(t, "put.sh", "parts", folder, "film")
	sent := filepath.Join(t.TempDir(), "sent")
	r.env = append(r.env, "PUT_PARTS_ABOVE=20000000")
	// The third part's way ends.
	r.standIn(t, "curl", `case $* in *part-3*) exit 55 ;; *part-*) echo x >>'`+sent+`' ;; esac; exec "$REAL" "$@"`)
	if status, _, errOut := r.run(t); status != 1 || !strings.Contains(errOut, "film: ") {
		t.Fatalf("it ended with %d and said %q", status, errOut)
	}
	if there := s.files(t, "parts"); len(there) != 0 {
		t.Errorf("there are %d files, want none", len(there))
	}
	r.env = append(r.env, "PATH="+os.Getenv("PATH"))
	r.standIn(t, "curl", `case $* in *part-*) echo x >>'`+sent+`' ;; esac; exec "$REAL" "$@"`)
	if status, out, errOut := r.run(t); status != 0 || out != "film\tfilm\n" {
		t.Fatalf("again, it ended with %d, told %q and said %q", status, out, errOut)
	}
	if data, err := os.ReadFile(sent); err != nil || len(data)/2 != 4 {
		t.Errorf("it sent %d parts in all, want each of the 4 once: %v", len(data)/2, err)
	}
	sameBytes(t, map[string]string{"film": random(60_000_000, 12)}, s.files(t, "parts"))
}

func TestPutThatIsCutOffDoesNothingAndFails(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a": "1"})
	r := s.script(t, "put.sh", "cut", folder, "a")
	whole, err := os.ReadFile(r.script)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len("#!/bin/sh\n{\n"); cut < len(whole)-2; cut += 197 {
		if err := os.WriteFile(r.script, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if status, out, _ := r.run(t); status == 0 || out != "" {
			t.Errorf("cut at %d of %d it ended with %d and told %q", cut, len(whole), status, out)
		}
	}
	if there := s.files(t, "cut"); len(there) != 0 {
		t.Errorf("there are %v", there)
	}
}

// Nothing of what is remembered for the next run is dropped before it is known to
// be of no use.
func TestPutKeepsAnUploadThroughAWrongKeyAndAnOutage(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"film": random(20_000_000, 13)})
	r := s.script(t, "put.sh", "kept", folder, "film")
	r.env = append(r.env, "PUT_PARTS_ABOVE=10000000")
	env := r.env
	r.standIn(t, "curl", `case $* in *part-2*) exit 55 ;; esac; exec "$REAL" "$@"`)
	if status, _, errOut := r.run(t); status != 1 {
		t.Fatalf("it ended with %d and said %q", status, errOut)
	}
	r.env = append(slices.Clip(env), "SESSION_API_KEY=wrong")
	if status, _, errOut := r.run(t); status != 3 {
		t.Errorf("with a wrong key, it ended with %d and said %q, want 3", status, errOut)
	}
	r.env = slices.Clip(env)
	r.standIn(t, "curl", `case $* in *--version*) exec "$REAL" "$@" ;; esac; exit 7`)
	if status, _, errOut := r.run(t); status != 1 || !strings.Contains(errOut, "film: nothing answered") {
		t.Errorf("with no network, it ended with %d and said %q", status, errOut)
	}
	sent := filepath.Join(t.TempDir(), "sent")
	r.env = slices.Clip(env)
	r.standIn(t, "curl", `case $* in *part-*) echo x >>'`+sent+`' ;; esac; exec "$REAL" "$@"`)
	if status, out, errOut := r.run(t); status != 0 || out != "film\tfilm\n" {
		t.Fatalf("at last, it ended with %d, told %q and said %q", status, out, errOut)
	}
	if data, err := os.ReadFile(sent); err != nil || len(data)/2 != 1 {
		t.Errorf("it sent %d parts, want only the one that was missing: %v", len(data)/2, err)
	}
}

// A time in the future, as a file has whose clock was another, changes nothing.
func TestPutSendsAFileFromTheFutureInParts(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"film": random(4_100_000, 14)})
	tomorrow := time.Now().Add(24 * time.Hour)
	if err := os.Chtimes(filepath.Join(folder, "film"), tomorrow, tomorrow); err != nil {
		t.Fatal(err)
	}
	r := s.script(t, "put.sh", "future", folder, "film")
	r.env = append(r.env, "PUT_PARTS_ABOVE=4050000")
	if status, out, errOut := r.run(t); status != 0 || out != "film\tfilm\n" {
		t.Errorf("it ended with %d, told %q and said %q", status, out, errOut)
	}
}

// Whoever completes an upload last sees that the file is there.
func TestPutRunsSendOneFileInPartsAtOnce(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"film": random(20_000_000, 15)})
	r := s.script(t, "put.sh", "at-once", folder, "film")
	r.env = append(r.env, "PUT_PARTS_ABOVE=10000000")
	var runs sync.WaitGroup
	for range 3 {
		runs.Go(func() {
			if status, out, errOut := r.run(t); status != 0 || out != "film\tfilm\n" {
				t.Errorf("it ended with %d, told %q and said %q", status, out, errOut)
			}
		})
	}
	runs.Wait()
	if there := s.files(t, "at-once"); len(there) != 1 {
		t.Errorf("there are %d files, want one", len(there))
	}
}

// What a run that was killed leaves has signed URLs in it.
func TestPutRemovesWhatARunThatWasKilledHasLeft(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a": "1"})
	r := s.script(t, "put.sh", "left", folder, "a")
	temporary := t.TempDir()
	dead := exec.CommandContext(t.Context(), "true")
	if err := dead.Run(); err != nil {
		t.Skip(err)
	}
	left := filepath.Join(temporary, fmt.Sprintf("put.sh-%d-abcdef", dead.Process.Pid))
	write(t, temporary, map[string]string{filepath.Base(left) + "/answer-1": "url", "put.sh-notes/mine": "mine"})
	r.env = append(r.env, "TMPDIR="+temporary)
	if status, _, errOut := r.run(t); status != 0 {
		t.Errorf("it ended with %d and said %q", status, errOut)
	}
	if diff := cmp.Diff(map[string]string{"put.sh-notes/mine": "mine"}, tree(t, temporary)); diff != "" {
		t.Errorf("what is there (-want +got):\n%s", diff)
	}
}

// Where nothing answers, not each file of many is tried alone.
func TestPutEndsSoonWhereNothingAnswers(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find")
	s := start(t, nil)
	folder := t.TempDir()
	files := map[string]string{}
	for i := range 230 {
		files[fmt.Sprint("f", i)] = fmt.Sprint(i)
	}
	write(t, folder, files)
	r := s.script(t, "put.sh", "silent", folder, ".")
	r.env = append(r.env, "PUT_URL=http://127.0.0.1:1/api/conversations/silent")
	asked := filepath.Join(t.TempDir(), "asked")
	r.standIn(t, "curl", `case $* in *--version*) exec "$REAL" "$@" ;; esac; tee -a '`+asked+`' | "$REAL" "$@"`)
	status, _, errOut := r.run(t)
	if status != 1 || strings.Count(errOut, "nothing answered") != len(files) {
		t.Errorf("it ended with %d and named %d files, want 1 and %d", status, strings.Count(errOut, "nothing answered"), len(files))
	}
	if data, err := os.ReadFile(asked); err != nil || strings.Count(string(data), "url = ") > 5 {
		t.Errorf("it asked %d times: %v", strings.Count(string(data), "url = "), err)
	}
}

// A file that changes does not keep those after it from being sent.
func TestPutSendsWhatComesAfterAFileThatChanged(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "dd")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"a": random(4_100_000, 16), "b": random(4_060_000, 17)})
	r := s.script(t, "put.sh", "after", folder, "a", "b")
	r.env = append(r.env, "PUT_PARTS_ABOVE=4080000")
	r.standIn(t, "dd", `"$REAL" "$@"; sleep 0.1; echo more >>a`)
	status, out, errOut := r.run(t)
	if status != 1 || out != "b\tb\n" || !strings.Contains(errOut, "a: it changed") {
		t.Errorf("it ended with %d, told %q and said %q, want 1 and b", status, out, errOut)
	}
	if left, err := filepath.Glob(filepath.Join(strings.TrimPrefix(r.env[0], "HOME="), "state/put.sh/*")); err != nil || len(left) != 0 {
		t.Errorf("it remembers %v", left)
	}
}

func TestPutSaysThatItHasNoSpaceForItsLists(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "find", "dash")
	s := start(t, nil)
	folder := t.TempDir()
	write(t, folder, map[string]string{"out/a": "1", "out/b": "2"})
	r := s.script(t, "put.sh", "space", folder, "out")
	r.shell = "dash"
	// A disk that is full keeps the names of files and none of their bytes.
	r.standIn(t, "mktemp", `made=$("$REAL" "$@") && ln -s /dev/full "$made/small" && echo "$made"`)
	status, out, errOut := r.run(t)
	if status != 1 || out != "" || !strings.Contains(errOut, "there is no space in ") {
		t.Errorf("it ended with %d, told %q and said %q, want 1 and what to do", status, out, errOut)
	}
}

// Files that nobody may fetch yet are there all the same, and are sent once.
func TestPutSendsFilesThatAreNotReleased(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	s := start(t, map[string]string{"REQUIRE_TAG": "scan=clean"})
	folder := t.TempDir()
	write(t, folder, map[string]string{"small": "1", "large": random(4_050_000, 18), "parts": random(4_200_000, 19)})
	r := s.script(t, "put.sh", "held", folder, "-u", "small", "large", "parts")
	r.env = append(r.env, "PUT_PARTS_ABOVE=4100000")
	for range 2 {
		status, out, errOut := r.run(t)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		slices.Sort(lines)
		if diff := cmp.Diff([]string{"large\tlarge\t-", "parts\tparts\t-", "small\tsmall\t-"}, lines); status != 0 || diff != "" {
			t.Errorf("it ended with %d and said %q; it told (-want +got):\n%s", status, errOut, diff)
		}
	}
	if list := string(s.get(t, "held", "/files")); strings.Count(list, `"name"`) != 3 {
		t.Errorf("there is %s, want 3 files", list)
	}
}
