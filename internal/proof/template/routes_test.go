package template_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/openapi"
	"uploadfiles/internal/local"
	"uploadfiles/internal/proof/template"
)

// paths are those that API Gateway hands to a function.
func paths(t *testing.T, function string) []string {
	t.Helper()
	events, err := get(read(t), function+".Properties.Events")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, event := range events.(object) {
		path, _ := template.At(event, "Properties", "Path")
		paths = append(paths, path.(string))
	}
	slices.Sort(paths)
	return paths
}

// described are the paths of the API's description.
func described(t *testing.T) []string {
	t.Helper()
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal(openapi.JSON(), &document); err != nil {
		t.Fatal(err)
	}
	return template.Names(document.Paths)
}

// covers says whether a path of API Gateway is that of the description, or has
// it below its greedy end.
func covers(gateway, described string) bool {
	if strings.HasSuffix(gateway, "+}") {
		folder := gateway[:strings.LastIndex(gateway, "{")]
		return strings.HasPrefix(described, folder) && described != folder
	}
	return gateway == described
}

func TestEveryDescribedPathReachesAFunction(t *testing.T) {
	all := append(paths(t, lambda), paths(t, filesLambda)...)
	for _, path := range described(t) {
		var by []string
		for _, gateway := range all {
			if covers(gateway, path) {
				by = append(by, gateway)
			}
		}
		if len(by) != 1 {
			t.Errorf("%s is handed on by %q, want one path", path, by)
		}
	}
}

func TestEveryPathThatReachesAFunctionIsDescribed(t *testing.T) {
	described := described(t)
	for _, gateway := range append(paths(t, lambda), paths(t, filesLambda)...) {
		// The page and the description itself are for browsers.
		if gateway == "/" || strings.HasPrefix(gateway, "/page/") || gateway == "/openapi.json" {
			continue
		}
		if !slices.ContainsFunc(described, func(path string) bool { return covers(gateway, path) }) {
			t.Errorf("nothing describes %s", gateway)
		}
	}
}

func TestTheLocalStackDividesThePathsAsTheTemplateDoes(t *testing.T) {
	if diff := cmp.Diff(paths(t, filesLambda), slices.Sorted(slices.Values(local.FilesPaths))); diff != "" {
		t.Errorf("paths of the function for files in the template (-) and in the local stack (+):\n%s", diff)
	}
}
