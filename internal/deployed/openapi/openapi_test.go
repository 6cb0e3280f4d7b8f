package openapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"uploadfiles/internal/deployed/openapi"
)

var update = flag.Bool("update", false, "write openapi.json")

func TestJSONIsMadeFromTheYAML(t *testing.T) {
	want := toJSON(t, readYAML(t, "openapi.yaml"))
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(openapi.JSON(), want) {
		t.Error("openapi.json is not that of openapi.yaml: run go generate ./internal/deployed/openapi")
	}
}

func TestDocumentIsValidAndSoAreItsExamples(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

// The contract's operation stands in the document, and the document may say more
// of it. Its own description of the server does not: another server has it.
func TestDocumentContainsTheContract(t *testing.T) {
	contract := decode(t, toJSON(t, readYAML(t, "testdata/contract.yaml")))
	ours := decode(t, openapi.JSON())
	for _, part := range []string{"openapi", "security", "paths", "components"} {
		for _, lost := range missing("#/"+part, contract[part], ours[part]) {
			t.Error(lost)
		}
	}
}

// Clients are generated from the schemas, so these are not even extended, but for
// what an upload is answered: generators read no fields that stand beside a
// reference to it. What is in it besides the contract's is optional.
func TestSchemasOfTheContractAreUnchanged(t *testing.T) {
	contract := schemas(t, toJSON(t, readYAML(t, "testdata/contract.yaml")))
	ours := schemas(t, openapi.JSON())
	if len(contract) != 4 {
		t.Fatalf("the contract has %d schemas, want 4", len(contract))
	}
	for name, want := range contract {
		got := ours[name]
		if name == "POSTUploadFilesModel" {
			got = without(got, "uploaded_files", "files", "skipped")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("schema %s (-contract +ours):\n%s", name, diff)
		}
	}
}

// without leaves properties out of a schema.
func without(schema any, properties ...string) any {
	object, _ := schema.(map[string]any)
	object = maps.Clone(object)
	all, _ := object["properties"].(map[string]any)
	all = maps.Clone(all)
	for _, name := range properties {
		delete(all, name)
	}
	object["properties"] = all
	return object
}

// missing lists what of want is not in got. A map may have further keys; a list
// has the same number of elements, each of which may say more.
func missing(at string, want, got any) []string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return []string{at + " is no map"}
		}
		var lost []string
		for key, value := range want {
			if _, ok := got[key]; !ok {
				lost = append(lost, at+"/"+key+" is missing")
				continue
			}
			lost = append(lost, missing(at+"/"+key, value, got[key])...)
		}
		return lost
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return []string{fmt.Sprintf("%s is not a list of %d", at, len(want))}
		}
		var lost []string
		for i, value := range want {
			lost = append(lost, missing(fmt.Sprintf("%s/%d", at, i), value, got[i])...)
		}
		return lost
	}
	if want != got {
		return []string{fmt.Sprintf("%s = %v, want %v", at, got, want)}
	}
	return nil
}

func TestMissingFindsEachDifference(t *testing.T) {
	want := map[string]any{"a": map[string]any{"b": "1"}, "c": []any{"2", "3"}}
	tests := []struct {
		name string
		got  any
		lost int
	}{
		{"the same", want, 0},
		{"more", map[string]any{"a": map[string]any{"b": "1", "x": "9"}, "c": []any{"2", "3"}, "y": 9}, 0},
		{"no map", "a", 1},
		{"no key", map[string]any{"a": map[string]any{}, "c": []any{"2", "3"}}, 1},
		{"other value", map[string]any{"a": map[string]any{"b": "2"}, "c": []any{"2", "3"}}, 1},
		{"no list", map[string]any{"a": map[string]any{"b": "1"}, "c": "2"}, 1},
		{"longer list", map[string]any{"a": map[string]any{"b": "1"}, "c": []any{"2", "3", "4"}}, 1},
		{"other order", map[string]any{"a": map[string]any{"b": "1"}, "c": []any{"3", "2"}}, 2},
	}
	for _, test := range tests {
		if got := missing("#", want, test.got); len(got) != test.lost {
			t.Errorf("%s: missing = %q, want %d", test.name, got, test.lost)
		}
	}
}

func schemas(t *testing.T, document []byte) map[string]any {
	t.Helper()
	components, _ := decode(t, document)["components"].(map[string]any)
	all, ok := components["schemas"].(map[string]any)
	if !ok {
		t.Fatal("the document has no schemas")
	}
	return all
}

func decode(t *testing.T, document []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func readYAML(t *testing.T, path string) *yaml.Node {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var n yaml.Node
	var v any // a key that is there twice is an error only here
	if err := errors.Join(yaml.Unmarshal(data, &n), yaml.Unmarshal(data, &v)); err != nil {
		t.Fatal(err)
	}
	return n.Content[0]
}

// toJSON keeps the order of keys, which is the order in which a viewer shows
// them.
func toJSON(t *testing.T, n *yaml.Node) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := writeJSON(&b, n); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return writeJSON(b, n.Alias)
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeValue(b, n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, element); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return err
	}
	return writeValue(b, v)
}

func writeValue(b *bytes.Buffer, v any) error {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's line end
	return nil
}
