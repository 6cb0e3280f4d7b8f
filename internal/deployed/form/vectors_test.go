package form_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"uploadfiles/internal/deployed/form"
	"uploadfiles/internal/proof/contract"
)

func TestVectorsAreReadAsTheContractSays(t *testing.T) {
	for _, v := range formVectors() {
		t.Run(v.Name, func(t *testing.T) {
			parts, err := parse(v.Request.Headers["content-type"], v.Request.Body)
			switch v.Want.Status {
			case http.StatusOK:
				checkFiles(t, v.Want.Files, parts, err)
			case http.StatusBadRequest:
				checkDetail(t, v.Want.JSON, err)
			case http.StatusUnprocessableEntity:
				checkNoFiles(t, parts, err)
			default:
				t.Fatalf("a form is never answered %d", v.Want.Status)
			}
		})
	}
}

// formVectors are the vectors that are about the body and not about the route.
func formVectors() []contract.Vector {
	var vectors []contract.Vector
	for _, v := range contract.Vectors() {
		path, _, _ := strings.Cut(v.Request.Path, "?")
		if v.Request.Method == http.MethodPost && path == "/api/conversations/abc123/upload-files" {
			vectors = append(vectors, v)
		}
	}
	return vectors
}

func checkFiles(t *testing.T, want []contract.File, parts []form.Part, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var got []contract.File
	for _, p := range parts {
		if p.Name != "files" {
			continue
		}
		if !p.IsFile {
			t.Errorf("a text among the files: %q", p.Body)
		}
		got = append(got, contract.File{
			Name:        p.Filename,
			ContentType: p.ContentType,
			Size:        len(p.Body),
			SHA256:      hexSHA256(p.Body),
		})
	}
	afterwards := cmpopts.IgnoreFields(contract.File{}, "StoredAs", "SkipCode")
	if diff := cmp.Diff(want, got, afterwards); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func checkDetail(t *testing.T, want json.RawMessage, err error) {
	t.Helper()
	var body struct{ Detail string }
	if err := json.Unmarshal(want, &body); err != nil {
		t.Fatal(err)
	}
	if err == nil || textOf(err) != body.Detail {
		t.Errorf("error %v, want the one for %q", err, body.Detail)
	}
}

// checkNoFiles is for what the caller answers with 422: no form, nothing under
// files, or a text there.
func checkNoFiles(t *testing.T, parts []form.Part, err error) {
	t.Helper()
	if err != nil {
		if textOf(err) != "not a form" {
			t.Error(err)
		}
		return
	}
	files, texts := 0, 0
	for _, p := range parts {
		switch {
		case p.Name != "files":
		case p.IsFile:
			files++
		default:
			texts++
		}
	}
	if files > 0 && texts == 0 {
		t.Errorf("%d files and no text, want none or a text", files)
	}
}
