// Package binarytest tests what is deployed: how large a function's binary is,
// and what is in it.
package binarytest

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Max is the budget of a binary in bytes: what is larger takes longer to load at
// a cold start.
const Max = 10_000_000

// Build builds the function of the test's folder by the rule that `sam build`
// uses, such as "UploadFunction", and returns the binary's path. A short test is
// skipped.
func Build(t *testing.T, function string) (path string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the function")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-s", "build-"+function, "ARTIFACTS_DIR="+dir, "GOARCH_FUNCTION=amd64")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build-%s: %v\n%s", function, err, out)
	}
	return filepath.Join(dir, "bootstrap")
}

// IsSmall fails the test where a binary is larger than Max.
func IsSmall(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= Max {
		t.Errorf("the binary has %d bytes, want less than %d", info.Size(), Max)
	}
}

// forbidden is what no function may hold, and why.
var forbidden = map[string]string{
	"uploadfiles/internal/local":          "the local stack stays on a developer's machine",
	"uploadfiles/internal/proof":          "it is for tests and for measuring",
	"net/rpc":                             "it brings html/template",
	"html/template":                       "it turns off the linker's removal of dead methods",
	"text/template":                       "it turns off the linker's removal of dead methods",
	"testing":                             "it is for tests",
	"gopkg.in/yaml.v3":                    "it is for tests",
	"github.com/getkin/kin-openapi":       "it is for tests",
	"github.com/versity/versitygw":        "it is the local S3 server",
	"github.com/gin-gonic/gin":            "the adapter knows it, we do not",
	"github.com/aws/aws-sdk-go-v2/config": "it looks in places that Lambda has not",
}

// HoldsOnlyWhatItNeeds fails the test where the function of its folder holds a
// package that none may hold, or one of these, each with the reason.
func HoldsOnlyWhatItNeeds(t *testing.T, more map[string]string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc,nethttpomithttp2", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("only %d packages are listed", len(packages))
	}
	unwanted := maps.Clone(forbidden)
	maps.Copy(unwanted, more)
	for _, p := range packages {
		for path, why := range unwanted {
			if p == path || strings.HasPrefix(p, path+"/") {
				t.Errorf("%s is in the binary: %s", p, why)
			}
		}
	}
}
