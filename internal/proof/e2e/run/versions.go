package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"uploadfiles/internal/proof/template"
)

//go:embed versions.py
var versionsScript string

// A translation is one way to deploy template.yaml.
type translation struct {
	Code       string            `json:"code"` // where the functions' code lies
	Parameters map[string]string `json:"parameters"`
}

// hashed are resources whose logical id SAM makes from what it knows of another:
// only under another id does CloudFormation make a new one. Each has the path of
// the text through which values of parameters get into the id.
var hashed = map[string][]string{
	"UploadFunctionVersion": {"Resources", "UploadFunction", "Properties", "SourceKMSKeyArn"},
	"FilesFunctionVersion":  {"Resources", "FilesFunction", "Properties", "SourceKMSKeyArn"},
	"UploadApiDeployment":   {"Resources", "UploadApi", "Properties", "BinaryMediaTypes", "2"},
}

// checkVersions checks with SAM's own translator what makes a new version of a
// function and a new deployment of the API: each parameter that decides
// something of it, new code, and nothing else. That the texts name the right
// parameters is tested in package template.
func checkVersions(ctx context.Context, tools tools) error {
	text, err := os.ReadFile("template.yaml")
	if err != nil {
		return err
	}
	source, err := template.Parse(text)
	if err != nil {
		return err
	}
	declared, _ := source["Parameters"].(map[string]any)
	defaults := map[string]string{}
	for name, rules := range declared {
		defaults[name] = fmt.Sprint(rules.(map[string]any)["Default"])
	}
	names := template.Names(declared)
	cases := []translation{{"a", nil}, {"a", defaults}, {"b", defaults}}
	for _, name := range names {
		changed := maps.Clone(defaults)
		changed[name] += "1" // translated, and never deployed
		cases = append(cases, translation{"a", changed})
	}
	answers, err := translate(ctx, tools, cases)
	if err != nil {
		return err
	}
	before := answers[0]
	problems := []error{
		sameIDs("values given that are the defaults", before, answers[1], nil),
		sameIDs("new code", before, answers[2], []string{"FilesFunctionVersion", "UploadFunctionVersion"}),
	}
	for i, name := range names {
		problems = append(problems, sameIDs("a change of "+name, before, answers[3+i], follow(source, name)))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	say("each of %d parameters makes a new version or deployment of what it decides, by SAM's translator, and of nothing else", len(names))
	return nil
}

// follow lists the resources that are to be new when a parameter changes.
func follow(source template.Template, parameter string) []string {
	var names []string
	for name, path := range hashed {
		value, _ := template.At(map[string]any(source), path...)
		if slices.Contains(source.ParametersIn(value, false), parameter) {
			names = append(names, name)
		}
	}
	return slices.Sorted(slices.Values(names))
}

// sameIDs compares the logical ids before and after a change, which are the same
// but for those of the named resources.
func sameIDs(what string, before, after map[string]string, others []string) error {
	for name := range hashed {
		if before[name] == "" || after[name] == "" {
			return fmt.Errorf("%s: SAM makes no %s", what, name)
		}
		if changed, want := before[name] != after[name], slices.Contains(others, name); changed != want {
			return fmt.Errorf("%s: a new %s is made: %t, want %t", what, name, changed, want)
		}
	}
	return nil
}

// translate returns for each case the logical ids by their beginnings.
func translate(ctx context.Context, tools tools, cases []translation) ([]map[string]string, error) {
	for i := range cases {
		if cases[i].Parameters == nil {
			cases[i].Parameters = map[string]string{}
		}
	}
	input, err := json.Marshal(cases)
	if err != nil {
		return nil, err
	}
	cmd := tools.command(ctx, "sam", "python", "-c", versionsScript, "template.yaml")
	var output, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &output, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("SAM's translator: %w\n%s", err, problems.String())
	}
	var lists [][]string
	if err := json.Unmarshal(output.Bytes(), &lists); err != nil {
		return nil, fmt.Errorf("SAM's translator: %w\n%s", err, output.String())
	}
	if len(lists) != len(cases) {
		return nil, fmt.Errorf("SAM's translator answers %d of %d cases", len(lists), len(cases))
	}
	answers := make([]map[string]string, len(lists))
	for i, ids := range lists {
		answers[i] = byBeginning(ids)
	}
	return answers, nil
}

func byBeginning(ids []string) map[string]string {
	found := map[string]string{}
	for _, id := range ids {
		for name := range hashed {
			if strings.HasPrefix(id, name) {
				found[name] = id
			}
		}
	}
	return found
}
