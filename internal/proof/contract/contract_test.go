package contract_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/contract"
)

func TestVectorsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range contract.Vectors() {
		if v.Name == "" || seen[v.Name] {
			t.Errorf("vector %q is unnamed or there twice", v.Name)
		}
		seen[v.Name] = true
		if v.Request.Method == "" || v.Request.Path == "" || v.Reference.Status == 0 {
			t.Errorf("vector %q is not complete: %+v", v.Name, v)
		}
	}
	if len(seen) != 62 {
		t.Errorf("%d vectors, want 62", len(seen))
	}
}

func TestWantIsTheReferenceUnlessAReasonIsGiven(t *testing.T) {
	differ := 0
	for _, v := range contract.Vectors() {
		same := cmp.Equal(v.Want, v.Reference)
		if same != (v.Why == "") {
			t.Errorf("vector %q: same as the reference = %t, why = %q", v.Name, same, v.Why)
		}
		if !same {
			differ++
		}
	}
	if differ != 12 {
		t.Errorf("%d vectors differ from the reference, want 12", differ)
	}
}

func TestAnswersCarryFilesOrJSON(t *testing.T) {
	for _, v := range contract.Vectors() {
		for _, a := range []contract.Answer{v.Reference, v.Want} {
			ok := a.Status == http.StatusOK
			if ok != (len(a.Files) > 0) || ok == json.Valid(a.JSON) {
				t.Errorf("vector %q: status %d with %d files and JSON %q", v.Name, a.Status, len(a.Files), a.JSON)
			}
		}
	}
}

func TestBodiesAreDecoded(t *testing.T) {
	v := contract.Vectors()[0]
	want := []contract.File{{Name: "a.txt", ContentType: "text/plain", Size: 5, SHA256: hexSHA256("hello")}}
	if diff := cmp.Diff(want, v.Want.Files); diff != "" {
		t.Errorf("%s: files (-want +got):\n%s", v.Name, diff)
	}
	if got := v.Request.Headers["content-type"]; got != "multipart/form-data; boundary=----b0undary" {
		t.Errorf("%s: content type %q", v.Name, got)
	}
	if len(v.Request.Body) != 133 {
		t.Errorf("%s: body of %d bytes, want 133", v.Name, len(v.Request.Body))
	}
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
