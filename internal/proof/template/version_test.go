package template_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

// given is the variable that makes a function another, for Lambda, when a
// parameter is changed whose value another parameter hides.
const given = "GIVEN_PARAMETERS"

// kept are the properties of a function that a version of it keeps and that
// parameters decide
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html).
var kept = []string{"Architectures", "Environment", "MemorySize", "Timeout"}

// unversioned are the other properties that refer to parameters: of the
// function itself, whatever its version, or of the resources around it.
var unversioned = []string{"DeploymentPreference", "ReservedConcurrentExecutions", "SourceKMSKeyArn"}

// That SAM makes other versions of other values, and the same of the same, is
// shown by its own translator, in `make e2e`.
var versionPromises = []promise{
	versions(lambda, "MemorySize", "TimeoutSeconds"),
	versions(filesLambda, "FilesMemorySize", "FilesTimeoutSeconds"),
	{
		name: "a stage gets whatever a parameter changes of the API",
		check: func(t template.Template) error {
			names := slices.DeleteFunc(template.Names(properties(t, api)), func(name string) bool { return slices.Contains(ofStage, name) })
			return sameParameters(t, api, names, "BinaryMediaTypes.2")
		},
		breaks: append(without(api+".Properties.BinaryMediaTypes.2.Fn::If.1", "CorsAllowedOrigins", "DomainName", "MaxDirectFileSize"),
			change{api + ".Properties.MinimumCompressionSize", object{"Ref": "MaxFiles"}},
			change{api + ".Properties.BinaryMediaTypes.2.Fn::If.0", "HasDomain"}),
	},
	{
		name:   "what SAM alone shall see is left out of every stack",
		check:  func(t template.Template) error { return checkNever(t) },
		breaks: []change{{"Conditions.Never", object{"Condition": "CreateBucket"}}},
	},
}

// ofStage are the properties of an API that its stage has, which a deployment
// does not have to bring.
var ofStage = []string{"AccessLogSetting", "BinaryMediaTypes", "MethodSettings", "Name", "Tags", "TracingEnabled"}

// versions promises that whatever a parameter changes of a function makes a
// version of it, and nothing else does.
func versions(function string, more ...string) promise {
	variables := function + ".Properties.Environment.Variables."
	const named = "SourceKMSKeyArn"
	breaks := append(remove(function+".Properties."+named, variables+given),
		without(function+".Properties."+named+".Fn::If.1", append(of(function), more...)...)...)
	return promise{
		name: "a parameter that changes " + function + " makes a version, and no other does",
		check: func(t template.Template) error {
			var others []string
			for _, name := range template.Names(properties(t, function)) {
				if !slices.Contains(kept, name) && !slices.Contains(unversioned, name) {
					others = append(others, name)
				}
			}
			if found := t.ParametersIn(pick(t, function, others), true); len(found) != 0 {
				return fmt.Errorf("parameters %v decide a property of %s; does a version keep it?", found, function)
			}
			return all(sameParameters(t, function, kept, named), visible(t, function, kept))
		},
		breaks: append(breaks,
			change{function + ".Properties." + named + ".Fn::If.0", "HasKmsKey"},
			change{function + ".Properties." + named + ".Fn::If.1", every(append(of(function), append(more, "LogRetentionDays")...))},
			change{"Parameters." + more[0] + ".Default", 512},
			change{variables + "NEW", object{"Ref": "WafRateLimit"}},
			change{variables + "NEW", object{"Fn::If": list("HasDashboard", "1", "2")}},
			change{variables + "NEW", object{"Fn::Sub": "${ThrottleRate} a second"}},
			change{function + ".Properties.Description", object{"Ref": "AlarmEmail"}},
			change{variables + given, object{"Fn::Sub": "${ExistingBucketName},${ExistingSecretArn}"}}),
	}
}

// without are changes of a text with all the parameters to one that lacks one of them.
func without(path string, parameters ...string) []change {
	var changes []change
	for i := range parameters {
		changes = append(changes, change{path, every(slices.Delete(slices.Clone(parameters), i, i+1))})
	}
	return changes
}

// every is a text with the values of parameters.
func every(parameters []string) object {
	var values []any
	for _, name := range parameters {
		values = append(values, object{"Ref": name})
	}
	return object{"Fn::Join": list("|", values)}
}

// of are the parameters that are settings of a function, and those behind
// settings that are worked out.
func of(function string) []string {
	names := []string{"Architecture", "ExistingBucketName", "ExistingSecretArn", "ConversationSecretName"}
	for setting, parameter := range settings {
		if function == lambda || !ofUploads[setting] {
			name, _, _ := strings.Cut(parameter, "=")
			names = append(names, name)
		}
	}
	return names
}

// sameParameters compares the parameters that decide properties of a resource
// with those whose values SAM puts in at another.
func sameParameters(t template.Template, resource string, decided []string, named string) error {
	want := t.ParametersIn(pick(t, resource, decided), true)
	at, ok := template.At(object(t), strings.Split(resource+".Properties."+named, ".")...)
	if !ok {
		return fmt.Errorf("%s has no %s", resource, named)
	}
	if condition, _ := template.At(at, "Fn::If", "0"); condition != "Never" {
		return fmt.Errorf("%s of %s may come into the stack, if %v", named, resource, condition)
	}
	if diff := cmp.Diff(want, t.ParametersIn(at, false)); diff != "" {
		return fmt.Errorf("parameters that decide %v of %s (-) and that SAM puts in at %s (+):\n%s", decided, resource, named, diff)
	}
	for _, name := range want {
		rules := t["Parameters"].(object)[name].(object)
		if _, ok := rules["Default"].(string); !ok {
			return fmt.Errorf("the default of %s is no text, as what is given is", name)
		}
	}
	return nil
}

// visible checks that no change of a parameter leaves the properties as they
// were, for of a function that is as before Lambda publishes no version, and the
// deployment fails (https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html).
func visible(t template.Template, resource string, decided []string) error {
	always := t.ParametersIn(unconditional(pick(t, resource, decided)), false)
	for _, name := range t.ParametersIn(pick(t, resource, decided), true) {
		if !slices.Contains(always, name) {
			return fmt.Errorf("a change of %s may leave %s as it is", name, resource)
		}
	}
	return nil
}

// checkNever looks for what is left of the branches that nothing takes.
func checkNever(t template.Template) error {
	for _, path := range []string{lambda, filesLambda} {
		if err := equal(t, path+".Properties.SourceKMSKeyArn", nil); err != nil {
			return err
		}
	}
	return equal(t, api+".Properties.BinaryMediaTypes", list("multipart~1form-data", "application~1zip"))
}

func properties(t template.Template, resource string) object {
	value, _ := template.At(object(t), strings.Split(resource+".Properties", ".")...)
	found, _ := value.(object)
	return found
}

// pick returns some properties of a resource as they are written.
func pick(t template.Template, resource string, names []string) object {
	picked := object{}
	for _, name := range names {
		picked[name] = properties(t, resource)[name]
	}
	return picked
}

// unconditional is a value without what conditions choose.
func unconditional(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for key, value := range v {
			if key != "Fn::If" {
				out[key] = unconditional(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = unconditional(value)
		}
		return out
	}
	return v
}
