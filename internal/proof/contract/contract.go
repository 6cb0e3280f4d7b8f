// Package contract holds the requests that define the upload operation, each
// with the answer of the reference implementation and with ours. It is for the
// tests of other packages, so that all of them judge alike.
package contract

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
)

//go:embed testdata/vectors.jsonl
var vectors []byte

// A Vector is one request and what becomes of it.
type Vector struct {
	Name      string
	Request   Request
	Reference Answer // of FastAPI 0.116.1, Starlette 0.46.2, python-multipart 0.0.20
	Want      Answer // ours
	Why       string // why Want is not Reference; empty where it is
}

// A Request is what a client sends. It carries no session key: a test adds one.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`    // escaped, with its query
	Headers map[string]string `json:"headers"` // names in lower case
	Body    []byte            `json:"body_base64"`
}

// An Answer is a status with Files where it is 200, and with JSON where it is not.
type Answer struct {
	Status int
	JSON   json.RawMessage
	Files  []File // as the form is understood, in its order
}

// A File is one file of a request, under the name that was sent: making it safe
// comes later.
type File struct {
	Name        string `json:"filename"`
	ContentType string `json:"content_type"` // as declared; empty where it is not
	Size        int    `json:"size"`         // bytes
	SHA256      string `json:"sha256"`       // hex

	// StoredAs is the name that the contract gives to the stored file where
	// the sent one is empty.
	StoredAs string `json:"-"`
	// SkipCode says why the file is listed under skipped instead of stored.
	SkipCode string `json:"-"`
}

// Vectors returns all vectors in the order of the contract. It panics where the
// embedded copy is broken.
func Vectors() []Vector {
	var all []Vector
	for line := range bytes.Lines(vectors) {
		all = append(all, decode(line))
	}
	for _, d := range differences {
		for _, name := range d.vectors {
			d.apply(find(all, name), all)
		}
	}
	return all
}

func decode(line []byte) Vector {
	var raw struct {
		Name      string
		Request   Request
		Reference struct {
			Status int
			JSON   json.RawMessage
		}
	}
	mustDecode(line, &raw)
	answer := Answer{Status: raw.Reference.Status, JSON: raw.Reference.JSON}
	if answer.Status == http.StatusOK {
		var body struct{ Files []File }
		mustDecode(answer.JSON, &body)
		answer.Files, answer.JSON = body.Files, nil
	}
	return Vector{Name: raw.Name, Request: raw.Request, Reference: answer, Want: answer}
}

func mustDecode(data []byte, into any) {
	if err := json.Unmarshal(data, into); err != nil {
		panic(fmt.Sprintf("contract: vectors.jsonl: %v", err))
	}
}

func find(all []Vector, name string) *Vector {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	panic(fmt.Sprintf("contract: no vector %q", name))
}
