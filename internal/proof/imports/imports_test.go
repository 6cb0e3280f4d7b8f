// Package imports_test holds the plan of the house: imports run one way.
package imports_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A wing may import itself and those that are named here. Tests are not held to
// it: they prove something, wherever they stand.
var may = map[string][]string{
	"functions":         {"internal/deployed"},
	"internal/deployed": {},
	"internal/local":    {"internal/deployed"},
	"internal/proof":    {"internal/deployed", "internal/local"},
}

const module = "uploadfiles/"

// wingOf is empty for a package that is in none.
func wingOf(path string) string {
	for wing := range may {
		if rest, ok := strings.CutPrefix(path, module+wing); ok && (rest == "" || rest[0] == '/') {
			return wing
		}
	}
	return ""
}

func TestImportsRunFromWingToWingOneWay(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		importer, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		from := wingOf(importer)
		if from == "" {
			t.Errorf("%s is in no wing", importer)
			continue
		}
		seen[from] = true
		for imported := range strings.FieldsSeq(imports) {
			if strings.HasPrefix(imported, module) && !allowed(from, wingOf(imported)) {
				t.Errorf("%s imports %s: %s may import %v", importer, imported, from, may[from])
			}
		}
	}
	if len(seen) != len(may) {
		t.Errorf("packages in %v, want some in each of the %d wings", seen, len(may))
	}
}

func allowed(from, to string) bool {
	if from == to {
		return true
	}
	for _, wing := range may[from] {
		if wing == to {
			return true
		}
	}
	return false
}
