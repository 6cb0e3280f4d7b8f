package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxBinary is the budget of what is deployed, in bytes: what is larger takes
// longer to load at a cold start.
const maxBinary = 10_000_000

// build builds with the rule that `sam build` uses.
func build(t *testing.T, arch string) (binary string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "-s", "build-FilesFunction", "ARTIFACTS_DIR="+dir, "GOARCH_FUNCTION="+arch)
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make build-FilesFunction: %v\n%s", err, out)
	}
	return filepath.Join(dir, "bootstrap")
}

func TestTheBinaryIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the function")
	}
	info, err := os.Stat(build(t, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= maxBinary {
		t.Errorf("the binary has %d bytes, want less than %d", info.Size(), maxBinary)
	}
}

// What may not be in the deployed binary, and why.
var forbidden = map[string]string{
	"uploadfiles/internal/local":          "the local stack stays on a developer's machine",
	"uploadfiles/internal/contract":       "it is for tests",
	"uploadfiles/internal/faults":         "it is for tests",
	"uploadfiles/internal/soak":           "it is for tests",
	"uploadfiles/internal/bench":          "it is for measuring",
	"uploadfiles/internal/e2e":            "it is for tests",
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

func TestTheBinaryHoldsNothingThatItDoesNotNeed(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "lambda.norpc,nethttpomithttp2", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 100 {
		t.Fatalf("only %d packages are listed", len(packages))
	}
	for _, p := range packages {
		for path, why := range forbidden {
			if p == path || strings.HasPrefix(p, path+"/") {
				t.Errorf("%s is in the binary: %s", p, why)
			}
		}
	}
}
