package openapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/openapi"
)

// Generators of clients know less than the specification has. What the rules
// leave out made one of them drop fields, refuse the document, or write code that
// does not compile; docs/api.md names those that were tried.
func TestDocumentIsWrittenForOrdinaryGenerators(t *testing.T) {
	for _, broken := range unordinary("#", decode(t, openapi.JSON())) {
		t.Error(broken)
	}
}

func TestEachRuleForGeneratorsHolds(t *testing.T) {
	for name, test := range map[string]struct{ document, want string }{
		"a field beside a reference":    {`{"schema": {"$ref": "#/a", "properties": {}}}`, "#/schema has [properties] beside $ref"},
		"a list that extends one":       {`{"schema": {"$ref": "#/a", "allOf": []}}`, "#/schema has [allOf] beside $ref"},
		"a response beside one":         {`{"responses": {"404": {"$ref": "#/a", "description": ""}}}`, "#/responses/404 has [description] beside $ref"},
		"two types":                     {`{"schema": {"type": ["string", "integer"]}}`, "#/schema has the types [string integer]"},
		"no type":                       {`{"schema": {"description": ""}}`, "#/schema has no type"},
		"a list of anything":            {`{"schema": {"type": "array"}}`, "#/schema is a list without items"},
		"a keyword of few":              {`{"schema": {"type": "string", "const": "a"}}`, "#/schema has const"},
		"a keyword in a property":       {`{"components": {"schemas": {"A": {"type": "object", "properties": {"b": {"type": "object", "patternProperties": {}}}}}}}`, "#/components/schemas/A/properties/b has patternProperties"},
		"a keyword in a list":           {`{"schema": {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}}}`, "#/schema/items has contentEncoding"},
		"a keyword in a map":            {`{"schema": {"type": "object", "additionalProperties": {"not": {}, "type": "string"}}}`, "#/schema/additionalProperties has not"},
		"a choice in a parameter":       {`{"parameters": [{"name": "a", "schema": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}]}`, "#/parameters/0/schema has a choice in a parameter"},
		"a choice in a named parameter": {`{"components": {"parameters": {"A": {"schema": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}}}}`, "#/components/parameters/A/schema has a choice in a parameter"},
		"a choice of objects":           {`{"schema": {"anyOf": [{"type": "object"}, {"type": "string"}]}}`, "#/schema/anyOf/0 is no simple type"},
		"a choice of references":        {`{"schema": {"anyOf": [{"$ref": "#/a"}, {"type": "string"}]}}`, "#/schema/anyOf/0 is no simple type"},
		"a default of a choice":         {`{"schema": {"anyOf": [{"type": "string"}, {"type": "integer"}], "default": 1}}`, "#/schema has a default for a choice"},
		"no name for an operation":      {`{"paths": {"/a": {"get": {"responses": {}}}}}`, "#/paths//a/get has no operationId"},
	} {
		if got := unordinary("#", decode(t, []byte(test.document))); !slices.Equal(got, []string{test.want}) {
			t.Errorf("%s: unordinary(%s) = %q, want %q", name, test.document, got, test.want)
		}
	}
}

func TestRulesForGeneratorsLeaveTheRestAlone(t *testing.T) {
	for _, document := range []string{
		`{"schema": {"$ref": "#/a"}, "description": "beside a schema, not beside its reference"}`,
		`{"schema": {"type": ["string", "null"]}}`,
		`{"schema": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}}`,
		`{"schema": {"allOf": [{"$ref": "#/a"}, {"$ref": "#/b"}]}}`,
		`{"schema": {"type": "object", "properties": {"const": {"type": "string"}, "schema": {"type": "string"}}}}`,
		`{"example": {"schema": {"type": ["what", "ever"]}, "$ref": "a", "b": 1}}`,
		`{"paths": {"/a": {"parameters": [], "get": {"operationId": "a"}}}}`,
	} {
		if got := unordinary("#", decode(t, []byte(document))); len(got) > 0 {
			t.Errorf("unordinary(%s) = %q, want nothing", document, got)
		}
	}
}

// unordinary lists what not every generator reads in a document, or a part of
// one. Examples are no part of it.
func unordinary(at string, node any) []string {
	var found []string
	switch node := node.(type) {
	case []any:
		for i, element := range node {
			found = append(found, unordinary(fmt.Sprintf("%s/%d", at, i), element)...)
		}
	case map[string]any:
		found = append(found, besideReference(at, node)...)
		for _, key := range slices.Sorted(maps.Keys(node)) {
			below := at + "/" + key
			switch {
			case key == "example" || key == "examples":
			case key == "schema":
				found = append(found, schemaRules(below, node[key])...)
			case at == "#/components" && key == "schemas":
				found = append(found, eachSchema(below, node[key])...)
			default:
				found = append(found, unordinary(below, node[key])...)
			}
			if isOperation(at, key) {
				found = append(found, named(below, node[key])...)
			}
		}
	}
	return found
}

func besideReference(at string, node map[string]any) []string {
	if _, ok := node["$ref"]; !ok || len(node) == 1 {
		return nil
	}
	beside := slices.Sorted(maps.Keys(node))
	beside = slices.DeleteFunc(beside, func(key string) bool { return key == "$ref" })
	return []string{fmt.Sprintf("%s has %v beside $ref", at, beside)}
}

// isOperation reports whether the key is a method, two steps below paths.
func isOperation(at, key string) bool {
	return strings.HasPrefix(at, "#/paths/") && at[len("#/paths/"):][0] == '/' &&
		slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, key)
}

func named(at string, operation any) []string {
	if object, ok := operation.(map[string]any); ok && object["operationId"] != nil {
		return nil
	}
	return []string{at + " has no operationId"}
}

// keywords are what a schema may have, all of them older than OpenAPI 3.1.
var keywords = []string{
	"type", "title", "description", "format", "enum", "default", "pattern", "minimum", "maximum", "minLength", "maxLength",
	"minItems", "maxItems", "items", "properties", "required", "additionalProperties", "allOf", "anyOf",
}

func schemaRules(at string, node any) []string {
	schema, ok := node.(map[string]any)
	if !ok {
		return nil // additionalProperties can be true or false
	}
	if _, ok := schema["$ref"]; ok {
		return besideReference(at, schema)
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(schema)) {
		if !slices.Contains(keywords, key) {
			found = append(found, at+" has "+key)
		}
	}
	found = append(found, typeRules(at, schema)...)
	found = append(found, choiceRules(at, schema)...)
	found = append(found, eachSchema(at+"/properties", schema["properties"])...)
	found = append(found, schemaRules(at+"/items", schema["items"])...)
	found = append(found, schemaRules(at+"/additionalProperties", schema["additionalProperties"])...)
	parts, _ := schema["allOf"].([]any)
	for i, part := range parts {
		found = append(found, schemaRules(fmt.Sprintf("%s/allOf/%d", at, i), part)...)
	}
	return found
}

func eachSchema(at string, node any) []string {
	all, _ := node.(map[string]any)
	var found []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		found = append(found, schemaRules(at+"/"+name, all[name])...)
	}
	return found
}

// typeRules want one type, or one and null.
func typeRules(at string, schema map[string]any) []string {
	types, isList := schema["type"].([]any)
	switch {
	case isList && (len(types) != 2 || types[1] != "null"):
		return []string{fmt.Sprintf("%s has the types %v", at, types)}
	case schema["type"] == nil && schema["anyOf"] == nil && schema["allOf"] == nil:
		return []string{at + " has no type"}
	case schema["type"] == "array" && schema["items"] == nil:
		return []string{at + " is a list without items"}
	}
	return nil
}

// choiceRules want a choice to be one of simple types, and not in a parameter.
func choiceRules(at string, schema map[string]any) []string {
	choice, ok := schema["anyOf"].([]any)
	if !ok {
		return nil
	}
	if strings.Contains(at, "/parameters/") {
		return []string{at + " has a choice in a parameter"}
	}
	if _, ok := schema["default"]; ok {
		return []string{at + " has a default for a choice"}
	}
	var found []string
	for i, one := range choice {
		object, _ := one.(map[string]any)
		if simple, _ := object["type"].(string); !slices.Contains([]string{"string", "integer", "number", "boolean", "null"}, simple) {
			found = append(found, fmt.Sprintf("%s/anyOf/%d is no simple type", at, i))
		}
	}
	return found
}

// The fields that this project adds to the answer are where every generator
// looks for them.
func TestAnswerToAnUploadHasAllFieldsInItsOwnSchema(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
				Required   []string
			}
		}
	}
	if err := json.Unmarshal(openapi.JSON(), &document); err != nil {
		t.Fatal(err)
	}
	model, result := document.Components.Schemas["POSTUploadFilesModel"], document.Components.Schemas["UploadResult"]
	for _, name := range result.Required {
		if model.Properties[name] == nil {
			t.Errorf("POSTUploadFilesModel has no property %s", name)
		}
	}
}
