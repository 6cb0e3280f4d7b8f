package e2e_test

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An agent sends what it has made by one script, small files, large ones and such
// as go in parts, and another fetches it by the other.
func TestScriptsCarryFilesThereAndBack(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sha256sum", "find"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not here", program)
		}
	}
	id := conversation(t)
	contents := map[string][]byte{"small.txt": []byte("small"), "large.bin": random(t, 4_500_000), "parts.bin": random(t, 17_000_000)}
	from := t.TempDir()
	for name, content := range contents {
		if err := os.WriteFile(filepath.Join(from, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names := slices.Sorted(maps.Keys(contents))
	for _, when := range []string{"at first", "again"} { // which sends nothing
		out := runScript(t, id, "put.sh", from, names...)
		told := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		slices.Sort(told)
		if want := []string{"large.bin\tlarge.bin", "parts.bin\tparts.bin", "small.txt\tsmall.txt"}; !slices.Equal(told, want) {
			t.Errorf("put.sh told %s %q, want %q", when, told, want)
		}
	}
	if got := stored(t, id); !slices.Equal(got, names) {
		t.Errorf("there are %q, want %q", got, names)
	}
	to := t.TempDir()
	runScript(t, id, "fetch.sh", to)
	checkFolder(t, to, contents)
}

// runScript fetches a script of a conversation and runs it in a folder. The
// address in put.sh is the one that it came from.
func runScript(t *testing.T, id, name, folder string, args ...string) string {
	t.Helper()
	script := call(t, http.MethodGet, id, name, nil)
	if script.status != http.StatusOK {
		t.Fatalf("%s: status %d, body %.300s", name, script.status, script.body)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, script.body, 0o600); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{path}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home, "XDG_STATE_HOME="+home, "SESSION_API_KEY="+sessionKey(t), "PUT_PARTS_ABOVE=10000000")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, out, stderr.String())
	}
	return string(out)
}
