package template_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

// small has one of everything that is understood.
const small = `
Parameters:
  Name: {Type: String, Default: a, AllowedPattern: "[a-z]*", MaxLength: 5}
  Kind: {Type: String, Default: x, AllowedValues: [x, y]}
  Count: {Type: Number, Default: 0, MinValue: 0, MaxValue: 9}
  Needed: {Type: String}
Conditions:
  Named: !Not [!Equals [!Ref Name, ""]]
  Counted: !Equals [!Ref Count, 3]
  Both: !And [!Condition Named, !Condition Counted]
  Either: !Or [!Condition Counted, !Equals [!Ref Kind, y]]
Rules:
  KindNeedsName:
    RuleCondition: !Equals [!Ref Kind, y]
    Assertions:
      - {Assert: !Not [!Equals [!Ref Name, ""]], AssertDescription: Kind y needs Name.}
Resources:
  Always:
    Type: T
    Metadata: {BuildMethod: makefile}
    Properties:
      Ref: 1
      Resource: !Ref Other
      Attribute: !GetAtt Other.Arn.Part
      Long: {"Fn::GetAtt": [Other, Arn]}
      Text: !Sub "${Name} of ${AWS::StackName} ${!kept}"
      Half: !Sub ["${Local}/${Other.Arn}/${Inner}", {Local: !Ref Name, Inner: !Sub "<${Other}>"}]
      Joined: !Join ["*", !Split ["-", "p-q-r"]]
      Chosen: !If [Counted, !Ref Count, !Ref AWS::NoValue]
      Items: [1, !If [Either, two, !Ref AWS::NoValue], &three [3], *three]
  Sometimes:
    Type: T
    Condition: Both
Outputs:
  Out: {Value: !Ref Name}
  Hidden: {Condition: Named, Value: 1}
`

func parse(t *testing.T, text string) template.Template {
	t.Helper()
	parsed, err := template.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestResolveDecidesConditionsAndKeepsReferences(t *testing.T) {
	resolved, err := resolve(parse(t, small), "Needed=n", "Name=")
	if err != nil {
		t.Fatal(err)
	}
	want := template.Template{
		"Resources": object{"Always": object{
			"Type":     "T",
			"Metadata": object{"BuildMethod": "makefile"},
			"Properties": object{
				"Ref":       1,
				"Resource":  object{"Ref": "Other"},
				"Attribute": object{"Fn::GetAtt": list("Other", "Arn.Part")},
				"Long":      object{"Fn::GetAtt": list("Other", "Arn")},
				"Text":      " of uploads ${!kept}",
				"Half":      object{"Fn::Sub": "/${Other.Arn}/<${Other}>"},
				"Joined":    "p*q*r",
				"Items":     list(1, list(3), list(3)),
			},
		}},
		"Outputs": object{"Out": object{"Value": ""}},
	}
	if diff := cmp.Diff(want, resolved); diff != "" {
		t.Errorf("Resolve (-want +got):\n%s", diff)
	}
}

func TestResolveFollowsParameters(t *testing.T) {
	resolved, err := resolve(parse(t, small), "Needed=n", "Count=3")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"Resources.Sometimes":                 object{"Type": "T", "Condition": "Both"},
		"Resources.Always.Properties.Chosen":  3,
		"Resources.Always.Properties.Items.1": "two",
		"Outputs.Hidden.Value":                1,
	} {
		if got, _ := template.At(object(resolved), strings.Split(path, ".")...); !cmp.Equal(want, got) {
			t.Errorf("%s = %v, want %v", path, got, want)
		}
	}
}

func TestResolveRefusesWhatCloudFormationRefuses(t *testing.T) {
	for _, c := range []struct{ name, parameters, want string }{
		{"pattern", "Name=A", "does not match"},
		{"pattern in the middle", "Name=aA", "does not match"},
		{"length", "Name=aaaaaa", "6 characters are more than 5"},
		{"choice", "Kind=z", "is not one of [x y]"},
		{"too little", "Count=-1", "-1 is less than 0"},
		{"too much", "Count=10", "10 is more than 9"},
		{"no number", "Count=many", "is not a whole number"},
		{"unknown", "Other=1", "there is no parameter Other"},
		{"rule", "Kind=y Name=", "Kind y needs Name."},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := resolve(parse(t, small), append(strings.Fields(c.parameters), "Needed=n")...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Resolve with %s = %v, want %q", c.parameters, err, c.want)
			}
		})
	}
	if _, err := resolve(parse(t, small)); err == nil || !strings.Contains(err.Error(), "Needed has neither value nor default") {
		t.Errorf("Resolve without a value = %v", err)
	}
}

func TestResolveRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"function", "Resources: {A: {B: !ImportValue c}}", "Fn::ImportValue is not understood"},
		{"condition", "Resources: {A: {Condition: Nowhere}}", "there is no condition Nowhere"},
		{"condition function", "Conditions: {C: !Join [a, b]}\nResources: {A: {Condition: C}}", "is not a condition"},
		{"condition text", "Conditions: {C: yes}\nResources: {A: {Condition: C}}", "is not a condition"},
		{"equals", "Conditions: {C: !Equals [a]}\nResources: {A: {Condition: C}}", "wants two values"},
		{"not", "Conditions: {C: !Not []}\nResources: {A: {Condition: C}}", "wants one value"},
		{"if", "Resources: {A: {B: !If [C, 1]}}", "wants a condition and two values"},
		{"sub", "Resources: {A: {B: !Sub [a, b]}}", "is not a mapping"},
		{"resource", "Resources: {A: text}", "is not a mapping"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := resolve(parse(t, c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Resolve = %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseRefusesWhatIsNoTemplate(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "the template is empty"},
		{"a list", "[1]", "the template is not a mapping"},
		{"no YAML", "a: [", "did not find"},
		{"a key twice", "a: 1\nb: 2\na: 3", `line 3: "a" is there twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := template.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse(%q) = %v, want %q", c.text, err, c.want)
			}
		})
	}
}

func TestKeepLeavesTheNamedResourcesAlone(t *testing.T) {
	source := parse(t, small)
	kept, err := source.Keep("Always")
	if err != nil {
		t.Fatal(err)
	}
	if got := template.Names(kept["Resources"].(object)); !cmp.Equal(got, []string{"Always"}) {
		t.Errorf("Keep(Always) has %v", got)
	}
	if got := template.Names(kept); !cmp.Equal(got, []string{"Conditions", "Parameters", "Resources"}) {
		t.Errorf("Keep(Always) has the sections %v", got)
	}
	if _, ok := template.At(object(kept), "Resources", "Always", "Metadata"); ok {
		t.Error("Keep(Always) keeps the metadata of tools")
	}
	if _, ok := template.At(object(source), "Resources", "Always", "Metadata"); !ok {
		t.Error("Keep(Always) changes the template")
	}
	if _, err := source.Keep("Nothing"); err == nil {
		t.Error("Keep(Nothing) finds something")
	}
}

func TestParametersInNamesEachThatDecidesAValue(t *testing.T) {
	source := parse(t, `
Parameters: {A: {}, B: {}, C: {}, D: {}, E: {}}
Conditions: {One: !Equals [!Ref C, 1], Two: !Not [!Condition One]}
Resources: {R: {Plain: [!Ref A, !Ref R, x], Text: !Sub "${B} ${R.Arn} $D", Local: !Sub ["${E}${X}", {X: !Ref A}], Chosen: !If [Two, !Ref D, A]}}`)
	for _, c := range []struct {
		property   string
		conditions bool
		want       []string
	}{
		{"Plain", true, []string{"A"}},
		{"Text", true, []string{"B"}},
		{"Local", true, []string{"A", "E"}},
		{"Chosen", false, []string{"D"}},
		{"Chosen", true, []string{"C", "D"}},
	} {
		value, _ := template.At(object(source), "Resources", "R", c.property)
		if got := source.ParametersIn(value, c.conditions); !cmp.Equal(got, c.want) {
			t.Errorf("ParametersIn(%s, %t) = %v, want %v", c.property, c.conditions, got, c.want)
		}
	}
}
