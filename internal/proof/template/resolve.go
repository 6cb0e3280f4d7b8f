package template

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The values of the pseudo parameters in a resolved template.
var pseudo = map[string]any{
	"AWS::AccountId": "123456789012",
	"AWS::Partition": "aws",
	"AWS::Region":    "eu-central-1",
	"AWS::StackName": "uploads",
	"AWS::URLSuffix": "amazonaws.com",
}

// noValue is what AWS::NoValue stands for; what holds it goes.
type noValue struct{}

// Resolve works the template out for parameters, whose values are checked
// against their rules; those not given have their default. In the result every
// condition is decided, and what it rules out is gone. References to resources
// stay, in their long form.
func (t Template) Resolve(parameters map[string]string) (Template, error) {
	r := resolver{template: t, values: maps.Clone(pseudo)}
	if err := r.setParameters(parameters); err != nil {
		return nil, err
	}
	out := Template{}
	for _, section := range []string{"Resources", "Outputs"} {
		resolved := map[string]any{}
		for name, value := range t.section(section) {
			item, ok := value.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s.%s is not a mapping", section, name)
			}
			wanted, err := r.wanted(item)
			if err == nil && wanted {
				resolved[name], err = r.value(item)
			}
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", section, name, err)
			}
		}
		out[section] = resolved
	}
	return out, r.checkRules()
}

type resolver struct {
	template Template
	values   map[string]any // of parameters
}

func (r *resolver) setParameters(given map[string]string) error {
	declared := r.template.section("Parameters")
	var problems []error
	for name := range given {
		if _, ok := declared[name]; !ok {
			problems = append(problems, fmt.Errorf("there is no parameter %s", name))
		}
	}
	for name := range declared {
		rules := r.template.section("Parameters")[name].(map[string]any)
		value, ok := given[name]
		if !ok {
			value, ok = fmt.Sprint(rules["Default"]), rules["Default"] != nil
		}
		if !ok {
			problems = append(problems, fmt.Errorf("parameter %s has neither value nor default", name))
			continue
		}
		if err := check(rules, value); err != nil {
			problems = append(problems, fmt.Errorf("parameter %s: %w", name, err))
		}
		r.values[name] = typed(rules, value)
	}
	return errors.Join(problems...)
}

func typed(rules map[string]any, value string) any {
	if rules["Type"] == "Number" {
		if n, err := strconv.Atoi(value); err == nil {
			return n
		}
	}
	return value
}

// check applies the rules of a parameter as CloudFormation does.
func check(rules map[string]any, value string) error {
	if pattern, ok := rules["AllowedPattern"].(string); ok {
		if !regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(value) {
			return fmt.Errorf("%q does not match %s", value, pattern)
		}
	}
	if allowed, ok := rules["AllowedValues"].([]any); ok {
		if !slices.ContainsFunc(allowed, func(a any) bool { return fmt.Sprint(a) == value }) {
			return fmt.Errorf("%q is not one of %v", value, allowed)
		}
	}
	if most, ok := rules["MaxLength"].(int); ok && len(value) > most {
		return fmt.Errorf("%d characters are more than %d", len(value), most)
	}
	if rules["Type"] != "Number" {
		return nil
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", value)
	}
	if least, ok := rules["MinValue"].(int); ok && n < least {
		return fmt.Errorf("%d is less than %d", n, least)
	}
	if most, ok := rules["MaxValue"].(int); ok && n > most {
		return fmt.Errorf("%d is more than %d", n, most)
	}
	return nil
}

// checkRules checks the template's rules, which see parameters alone.
func (r *resolver) checkRules() error {
	for name, value := range r.template.section("Rules") {
		rule := value.(map[string]any)
		applies, err := r.truth(rule["RuleCondition"])
		if err != nil {
			return fmt.Errorf("rule %s: %w", name, err)
		}
		if !applies {
			continue
		}
		for _, assertion := range rule["Assertions"].([]any) {
			a := assertion.(map[string]any)
			holds, err := r.truth(a["Assert"])
			if err != nil {
				return fmt.Errorf("rule %s: %w", name, err)
			}
			if !holds {
				return fmt.Errorf("rule %s: %v", name, a["AssertDescription"])
			}
		}
	}
	return nil
}

// wanted says whether the condition of a resource or output holds.
func (r *resolver) wanted(item map[string]any) (bool, error) {
	name, ok := item["Condition"].(string)
	if !ok {
		return true, nil
	}
	return r.condition(name)
}

func (r *resolver) condition(name string) (bool, error) {
	expression, ok := r.template.section("Conditions")[name]
	if !ok {
		return false, fmt.Errorf("there is no condition %s", name)
	}
	return r.truth(expression)
}

// truth decides a condition.
func (r *resolver) truth(expression any) (bool, error) {
	name, argument, ok := function(expression)
	if !ok {
		return false, fmt.Errorf("%v is not a condition", expression)
	}
	if name == "Condition" {
		return r.condition(fmt.Sprint(argument))
	}
	list, _ := argument.([]any)
	switch name {
	case "Fn::Equals":
		if len(list) != 2 {
			return false, fmt.Errorf("%s wants two values", name)
		}
		a, err := r.value(list[0])
		if err != nil {
			return false, err
		}
		b, err := r.value(list[1])
		return fmt.Sprint(a) == fmt.Sprint(b), err
	case "Fn::Not":
		if len(list) != 1 {
			return false, fmt.Errorf("%s wants one value", name)
		}
		truth, err := r.truth(list[0])
		return !truth, err
	case "Fn::And", "Fn::Or":
		for _, item := range list {
			truth, err := r.truth(item)
			if err != nil || truth == (name == "Fn::Or") {
				return truth, err
			}
		}
		return name == "Fn::And", nil
	}
	return false, fmt.Errorf("%s is not a condition", name)
}

// function recognises an intrinsic function in its long form.
func function(v any) (name string, argument any, ok bool) {
	m, isMap := v.(map[string]any)
	if !isMap || len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
		ok = name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
	}
	return name, argument, ok
}

func (r *resolver) value(v any) (any, error) {
	if name, argument, ok := function(v); ok {
		return r.call(name, argument)
	}
	switch v := v.(type) {
	case map[string]any:
		return r.mapping(v)
	case []any:
		return r.sequence(v)
	}
	return v, nil
}

func (r *resolver) mapping(m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for key, value := range m {
		resolved, err := r.value(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if resolved != (noValue{}) {
			out[key] = resolved
		}
	}
	return out, nil
}

func (r *resolver) sequence(items []any) ([]any, error) {
	out := make([]any, 0, len(items))
	for i, item := range items {
		resolved, err := r.value(item)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
		if resolved != (noValue{}) {
			out = append(out, resolved)
		}
	}
	return out, nil
}

func (r *resolver) call(name string, argument any) (any, error) {
	if name == "Ref" {
		return r.ref(fmt.Sprint(argument)), nil
	}
	if name == "Fn::GetAtt" {
		return map[string]any{name: argument}, nil
	}
	if name == "Fn::If" {
		return r.choose(argument)
	}
	if name == "Fn::Sub" {
		return r.substitute(argument)
	}
	list, ok := argument.([]any)
	if !ok || len(list) != 2 || name != "Fn::Join" && name != "Fn::Split" {
		return nil, fmt.Errorf("%s is not understood here", name)
	}
	separator := fmt.Sprint(list[0])
	value, err := r.value(list[1])
	if err != nil {
		return nil, err
	}
	if name == "Fn::Split" {
		var parts []any
		for _, part := range strings.Split(fmt.Sprint(value), separator) {
			parts = append(parts, part)
		}
		return parts, nil
	}
	var parts []string
	items, _ := value.([]any)
	for _, item := range items {
		parts = append(parts, fmt.Sprint(item))
	}
	return strings.Join(parts, separator), nil
}

func (r *resolver) ref(name string) any {
	if name == "AWS::NoValue" {
		return noValue{}
	}
	if value, ok := r.values[name]; ok {
		return value
	}
	return map[string]any{"Ref": name}
}

func (r *resolver) choose(argument any) (any, error) {
	list, ok := argument.([]any)
	if !ok || len(list) != 3 {
		return nil, errors.New("Fn::If wants a condition and two values")
	}
	truth, err := r.condition(fmt.Sprint(list[0]))
	if err != nil {
		return nil, err
	}
	if truth {
		return r.value(list[1])
	}
	return r.value(list[2])
}

var variable = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// substitute fills a text in. A variable that stands for a resource stays, and
// with one of them the whole is a Fn::Sub still.
func (r *resolver) substitute(argument any) (any, error) {
	text, local := argument, map[string]any{}
	if list, ok := argument.([]any); ok && len(list) == 2 {
		values, ok := list[1].(map[string]any)
		if !ok {
			return nil, errors.New("the second part of Fn::Sub is not a mapping")
		}
		resolved, err := r.value(values)
		if err != nil {
			return nil, err
		}
		text, local = list[0], resolved.(map[string]any)
	}
	open := false
	filled := variable.ReplaceAllStringFunc(fmt.Sprint(text), func(match string) string {
		name := match[2 : len(match)-1]
		value, ok := local[name]
		if !ok {
			value = r.ref(name)
		}
		if function, target, ok := function(value); ok {
			open = true
			return reference(function, target)
		}
		return fmt.Sprint(value)
	})
	if open {
		return map[string]any{"Fn::Sub": filled}, nil
	}
	return filled, nil
}

// reference writes a reference to a resource as a part of a Fn::Sub.
func reference(function string, target any) string {
	if function == "Fn::Sub" {
		return fmt.Sprint(target)
	}
	if attribute, ok := target.([]any); ok && function == "Fn::GetAtt" && len(attribute) == 2 {
		return fmt.Sprintf("${%v.%v}", attribute[0], attribute[1])
	}
	return fmt.Sprintf("${%v}", target)
}
