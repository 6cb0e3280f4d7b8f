package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"uploadfiles/internal/proof/template"
)

func TestOnlyWhatIsNamedMayBeNew(t *testing.T) {
	before := byBeginning([]string{"UploadFunctionVersion1", "FilesFunctionVersion1", "UploadApiDeployment1"})
	if len(before) != 3 {
		t.Fatalf("found %v", before)
	}
	upload := byBeginning([]string{"UploadFunctionVersion2", "FilesFunctionVersion1", "UploadApiDeployment1"})
	none := byBeginning([]string{"UploadFunctionVersion1", "UploadApiDeployment1"})
	for _, c := range []struct {
		name   string
		after  map[string]string
		others []string
		want   string
	}{
		{"nothing new", before, nil, ""},
		{"new as wanted", upload, []string{"UploadFunctionVersion"}, ""},
		{"not new", before, []string{"UploadFunctionVersion"}, "is made: false, want true"},
		{"new and not wanted", upload, nil, "is made: true, want false"},
		{"gone", none, nil, "SAM makes no FilesFunctionVersion"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sameIDs("a change", before, c.after, c.others)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("sameIDs = %v, want %q", err, c.want)
			}
		})
	}
}

func TestParametersAreFollowedByWhatTheyDecide(t *testing.T) {
	text, err := os.ReadFile("../../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for parameter, want := range map[string][]string{
		"SessionKeyPreviousWindow": {"FilesFunctionVersion", "UploadFunctionVersion"},
		"MaxDirectFileSize":        {"UploadApiDeployment", "UploadFunctionVersion"},
		"FilesMemorySize":          {"FilesFunctionVersion"},
		"LogRetentionDays":         nil,
	} {
		if got := follow(source, parameter); !slices.Equal(got, want) {
			t.Errorf("follow(%s) = %v, want %v", parameter, got, want)
		}
	}
}
