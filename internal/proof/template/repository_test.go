package template_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"uploadfiles/internal/proof/template"
)

func TestEverySkippedCheckSaysWhy(t *testing.T) {
	skips := 0
	for name, value := range read(t)["Resources"].(object) {
		found, ok := template.At(value, "Metadata", "checkov", "skip")
		if !ok {
			continue
		}
		for _, skip := range found.([]any) {
			skips++
			id, why := skip.(object)["id"], fmt.Sprint(skip.(object)["comment"])
			if len(strings.Fields(why)) < 5 {
				t.Errorf("%s skips %v because: %s", name, id, why)
			}
		}
	}
	if skips == 0 {
		t.Error("no skip is found; is the place of checkov's metadata another?")
	}
}

// The environments of samconfig.toml set parameters of the template, in lists of
// "Name=Value".
func TestEnvironmentsSetWhatTheTemplateTakes(t *testing.T) {
	text, err := os.ReadFile("../../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	environments := map[string][]string{}
	table := regexp.MustCompile(`^\[(\w+)\.deploy\.parameters\]$`)
	setting := regexp.MustCompile(`^  "(\w+=[^"]*)",$`)
	current := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "[") {
			current = ""
			if m := table.FindStringSubmatch(line); m != nil {
				current = m[1]
				environments[current] = nil
			}
		}
		if m := setting.FindStringSubmatch(line); m != nil && current != "" {
			environments[current] = append(environments[current], m[1])
		}
	}
	for _, name := range []string{"default", "dev", "prod"} {
		given, ok := environments[name]
		if !ok || name != "default" && len(given) == 0 {
			t.Errorf("samconfig.toml has no settings of %s", name)
		}
		if _, err := resolve(read(t), given...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Production says no to what development may.
func TestProductionIsCareful(t *testing.T) {
	text, err := os.ReadFile("../../../samconfig.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, prod, _ := strings.Cut(string(text), "[prod.deploy.parameters]")
	for _, want := range []string{"confirm_changeset = true", `"DeploymentType=Canary`, `"ReservedConcurrency=`, `"FilesReservedConcurrency=`, `"MaxUrlAgeSeconds=`} {
		if !strings.Contains(prod, want) {
			t.Errorf("prod lacks %s", want)
		}
	}
}
