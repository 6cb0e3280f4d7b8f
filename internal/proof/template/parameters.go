package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// ParametersIn returns the names of the parameters to which a value refers,
// sorted, and if conditions count, of those that decide what the value is too.
// The value is a part of the template as written.
func (t Template) ParametersIn(v any, conditions bool) []string {
	found := map[string]any{}
	t.findParameters(v, conditions, found)
	return slices.Sorted(maps.Keys(found))
}

func (t Template) findParameters(v any, conditions bool, found map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := function(v); ok {
			t.findInCall(name, argument, conditions, found)
		}
		for _, value := range v {
			t.findParameters(value, conditions, found)
		}
	case []any:
		for _, item := range v {
			t.findParameters(item, conditions, found)
		}
	}
}

// findInCall finds what an intrinsic function says by names in a text.
func (t Template) findInCall(name string, argument any, conditions bool, found map[string]any) {
	add := func(name string) {
		if parameter, ok := t.section("Parameters")[name]; ok {
			found[name] = parameter
		}
	}
	switch name {
	case "Ref":
		add(fmt.Sprint(argument))
	case "Fn::Sub":
		text := argument
		if list, ok := argument.([]any); ok && len(list) > 0 {
			text = list[0]
		}
		for _, match := range placeholder.FindAllStringSubmatch(fmt.Sprint(text), -1) {
			add(match[1])
		}
	case "Condition":
		if conditions {
			t.findParameters(t.section("Conditions")[fmt.Sprint(argument)], conditions, found)
		}
	case "Fn::If":
		if list, ok := argument.([]any); ok && len(list) > 0 && conditions {
			t.findParameters(t.section("Conditions")[fmt.Sprint(list[0])], conditions, found)
		}
	}
}
