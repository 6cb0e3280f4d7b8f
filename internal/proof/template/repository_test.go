package template_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

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

// deployments are what samconfig.yaml says to `sam deploy` in each environment.
func deployments(t *testing.T) map[string]object {
	t.Helper()
	text, err := os.ReadFile("../../../samconfig.yaml")
	if err != nil {
		t.Fatal(err)
	}
	environments := map[string]any{}
	if err := yaml.Unmarshal(text, &environments); err != nil {
		t.Fatal(err)
	}
	found := map[string]object{}
	for name, environment := range environments {
		if parameters, ok := template.At(environment, "deploy", "parameters"); ok {
			found[name] = parameters.(object)
		}
	}
	return found
}

// overrides are the parameters that an environment sets, as "Name=Value".
func overrides(deployment object) []string {
	var given []string
	items, _ := deployment["parameter_overrides"].([]any)
	for _, item := range items {
		given = append(given, fmt.Sprint(item))
	}
	return given
}

func TestEnvironmentsSetWhatTheTemplateTakes(t *testing.T) {
	found := deployments(t)
	if got := template.Names(anyValues(found)); !slices.Equal(got, []string{"default", "dev", "prod"}) {
		t.Errorf("samconfig.yaml deploys %v", got)
	}
	for name, deployment := range found {
		given := overrides(deployment)
		if name != "default" && len(given) == 0 {
			t.Errorf("samconfig.yaml has no parameters of %s", name)
		}
		if _, err := resolve(read(t), given...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func anyValues(m map[string]object) object {
	out := object{}
	for name, value := range m {
		out[name] = value
	}
	return out
}

// Enter at the last question, whether a change set that was asked for be
// deployed, is no.
func TestGuidedDeploymentAsksNothingThatEnterDenies(t *testing.T) {
	if value, ok := deployments(t)["default"]["confirm_changeset"]; ok {
		t.Errorf("confirm_changeset of default is %v", value)
	}
}

// Production says no to what development may.
func TestProductionIsCareful(t *testing.T) {
	prod := deployments(t)["prod"]
	if prod["confirm_changeset"] != true {
		t.Errorf("confirm_changeset of prod is %v", prod["confirm_changeset"])
	}
	given := strings.Join(overrides(prod), " ")
	for _, want := range []string{"DeploymentType=Canary", "ReservedConcurrency=", "FilesReservedConcurrency=", "MaxUrlAgeSeconds="} {
		if !strings.Contains(" "+given, " "+want) {
			t.Errorf("prod sets %s, and not %s", given, want)
		}
	}
}

// What `sam deploy --guided` writes belongs to who deploys.
func TestAnswersOfAGuidedDeploymentAreNotCommitted(t *testing.T) {
	text, err := os.ReadFile("../../../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(text), "\n"), "/samconfig.toml") {
		t.Error("git does not ignore samconfig.toml")
	}
}
