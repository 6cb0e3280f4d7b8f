// Package template reads a CloudFormation or SAM template and works it out for
// given parameters: which resources there are, with which properties. Tests
// assert on the result, and the end-to-end suite deploys a part of it.
package template

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A Template is a template as written, with intrinsic functions in their long
// form: !Ref X is {"Ref": "X"}, !Sub X is {"Fn::Sub": "X"}. Mappings are
// map[string]any, sequences []any, as encoding/json has them.
type Template map[string]any

// Parse reads a template from YAML.
func Parse(text []byte) (Template, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, errors.New("the template is empty")
	}
	value, err := decode(document.Content[0])
	if err != nil {
		return nil, err
	}
	t, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("the template is not a mapping")
	}
	return t, nil
}

func decode(n *yaml.Node) (any, error) {
	value, err := decodeUntagged(n)
	if err != nil || !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return value, err
	}
	return intrinsic(n.Tag[1:], value), nil
}

// intrinsic gives the long form of a short tag.
func intrinsic(tag string, value any) map[string]any {
	switch tag {
	case "Ref", "Condition":
		return map[string]any{tag: value}
	case "GetAtt":
		if text, ok := value.(string); ok {
			resource, attribute, _ := strings.Cut(text, ".")
			value = []any{resource, attribute}
		}
	}
	return map[string]any{"Fn::" + tag: value}
}

func decodeUntagged(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return decodeMapping(n)
	case yaml.SequenceNode:
		items := make([]any, 0, len(n.Content))
		for _, child := range n.Content {
			item, err := decode(child)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return items, nil
	case yaml.AliasNode:
		return decode(n.Alias)
	}
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		return n.Value, nil // an intrinsic function takes text
	}
	var value any
	err := n.Decode(&value)
	return value, err
}

func decodeMapping(n *yaml.Node) (map[string]any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if _, twice := m[key]; twice {
			return nil, fmt.Errorf("line %d: %q is there twice", n.Content[i].Line, key)
		}
		value, err := decode(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		m[key] = value
	}
	return m, nil
}

// Clone copies a template, so that the copy can be changed.
func (t Template) Clone() Template { return clone(map[string]any(t)).(map[string]any) }

func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = clone(value)
		}
		return m
	case []any:
		items := make([]any, len(v))
		for i, value := range v {
			items[i] = clone(value)
		}
		return items
	}
	return v
}

// section returns a mapping at the top of the template; an absent one is empty.
func (t Template) section(name string) map[string]any {
	m, _ := t[name].(map[string]any)
	return m
}

// Keep returns a template of the named resources alone, without transforms,
// outputs and the metadata of tools: what a plain CloudFormation takes.
func (t Template) Keep(resources ...string) (Template, error) {
	kept := map[string]any{}
	for _, name := range resources {
		resource, ok := t.section("Resources")[name].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the template has no resource %s", name)
		}
		resource = maps.Clone(resource)
		delete(resource, "Metadata")
		kept[name] = resource
	}
	out := Template{"Resources": kept}
	for _, section := range []string{"AWSTemplateFormatVersion", "Parameters", "Conditions", "Mappings"} {
		if value, ok := t[section]; ok {
			out[section] = value
		}
	}
	return out, nil
}

// At returns the value at a path of keys and, in sequences, of indexes.
func At(v any, path ...string) (any, bool) {
	for _, step := range path {
		switch container := v.(type) {
		case map[string]any:
			value, ok := container[step]
			if !ok {
				return nil, false
			}
			v = value
		case []any:
			var i int
			if _, err := fmt.Sscanf(step, "%d", &i); err != nil || i < 0 || i >= len(container) {
				return nil, false
			}
			v = container[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// Names returns the sorted keys of a mapping.
func Names(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
