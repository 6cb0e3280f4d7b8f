package uploads_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	tableRow   = regexp.MustCompile(`(?m)^\| ([TF]\d+) \|.*\| (.*) \|$`)
	packageRef = regexp.MustCompile("([a-z0-9/]+): ((?:`(?:Test|Fuzz)[A-Za-z0-9]+`(?:, )?)+)")
	testName   = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
)

// The tables of docs/security.md are complete, and each test in them exists.
func TestSecurityTablesNameTestsThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = true
		named := 0
		for _, ref := range packageRef.FindAllStringSubmatch(row[2], -1) {
			source := testSource(t, "*/"+ref[1])
			for _, name := range testName.FindAllStringSubmatch(ref[2], -1) {
				named++
				if !strings.Contains(source, "\nfunc "+name[1]+"(") {
					t.Errorf("%s names %s, which is not in a package %s", row[1], name[1], ref[1])
				}
			}
		}
		if all := len(testName.FindAllString(row[2], -1)); named == 0 || named != all {
			t.Errorf("%s: %d tests with a package, %d in all", row[1], named, all)
		}
	}
	if len(rows) != 20+4+28+6 {
		t.Errorf("%d rows, want T1 to T20, T25 to T28, F1 to F28 and F30 to F35", len(rows))
	}
}

// The command that docs/security.md shows runs the test that it names.
func TestSecurityCommandRunsATest(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`go test \./internal/(\S+) -run '\^(\w+)\$'`).FindAllStringSubmatch(string(text), -1)
	if len(commands) == 0 {
		t.Error("docs/security.md shows no command")
	}
	for _, c := range commands {
		if !strings.Contains(testSource(t, c[1]), "\nfunc "+c[2]+"(") {
			t.Errorf("docs/security.md runs %s in %s, which is not there", c[2], c[1])
		}
	}
}

// testSource is the text of the tests of a package, by the pattern of its path below
// internal.
func testSource(t *testing.T, path string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", path, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("a package %s has no tests: %v", path, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("\n")
		all.Write(text)
	}
	return all.String()
}
