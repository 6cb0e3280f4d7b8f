package template_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

// A promise is something that the template must say, and the ways to break it.
type promise struct {
	name string

	// check returns why the promise does not hold.
	check func(template.Template) error

	// breaks are changes of the template as written; with each of them alone,
	// check must fail.
	breaks []change
}

// A change sets the value at a path, or removes it if the value is nil.
type change struct {
	path  string
	value any
}

func remove(paths ...string) []change {
	var changes []change
	for _, path := range paths {
		changes = append(changes, change{path: path})
	}
	return changes
}

// property promises one property that has the same place in the template as
// written and as worked out.
func property(path string, want any, parameters ...string) promise {
	return promise{
		name: fmt.Sprintf("%s is %v %s", path, want, strings.Join(parameters, " ")),
		check: func(t template.Template) error {
			return equal(t, path, want, parameters...)
		},
		breaks: []change{{path: path}, {path: path, value: "altered"}},
	}
}

// keyed promises that a property is the KMS key of one's own, and absent without one.
func keyed(path string) promise {
	return promise{
		name: path + " is the KMS key of one's own",
		check: func(t template.Template) error {
			return all(equal(t, path, nil), equal(t, path, someKey, "KmsKeyArn="+someKey))
		},
		breaks: []change{{path, nil}, {path, someKey}},
	}
}

func resolve(t template.Template, parameters ...string) (template.Template, error) {
	given := map[string]string{}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		given[name] = value
	}
	return t.Resolve(given)
}

// get returns what is at a path of the template worked out, and nil if there is nothing.
func get(t template.Template, path string, parameters ...string) (any, error) {
	resolved, err := resolve(t, parameters...)
	if err != nil {
		return nil, err
	}
	value, _ := template.At(map[string]any(resolved), strings.Split(path, ".")...)
	return value, nil
}

func equal(t template.Template, path string, want any, parameters ...string) error {
	got, err := get(t, path, parameters...)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", path, diff)
	}
	return nil
}

// all returns the first error.
func all(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func refused(t template.Template, parameters ...string) error {
	if _, err := resolve(t, parameters...); err == nil {
		return fmt.Errorf("%v is accepted", parameters)
	}
	return nil
}

const (
	bucket      = "Resources.UploadBucket"
	policy      = "Resources.UploadBucketPolicy"
	secret      = "Resources.SessionKeySecret"
	role        = "Resources.UploadFunctionRole"
	lambda      = "Resources.UploadFunction"
	filesRole   = "Resources.FilesFunctionRole"
	filesLambda = "Resources.FilesFunction"
	api         = "Resources.UploadApi"
	domain      = "Resources.ApiDomain"
	firewall    = "Resources.Firewall"

	someKey    = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd"
	someSecret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf"
	someTopic  = "arn:aws:sns:eu-central-1:123456789012:alarms"
	someCert   = "arn:aws:acm:eu-central-1:123456789012:certificate/1234abcd"
)

func list(items ...any) []any { return items }

type object = map[string]any

var promises = slices.Concat(bucketPromises, rolePromises, functionPromises, versionPromises, apiPromises, alarmPromises)

// without drops the breaks of a property that must not be there, and sets it instead.
func (p promise) without() promise {
	p.breaks = []change{{p.breaks[0].path, true}}
	return p
}

func read(t *testing.T) template.Template {
	t.Helper()
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestTemplateKeepsItsPromises(t *testing.T) {
	source := read(t)
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if err := p.check(source.Clone()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A promise whose test cannot fail is none.
func TestEachPromiseFailsWhenBroken(t *testing.T) {
	source := read(t)
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			if len(p.breaks) == 0 {
				t.Error("nothing breaks this promise")
			}
			for _, c := range p.breaks {
				broken, err := c.apply(source)
				if err != nil {
					t.Errorf("%s: %v", c, err)
				} else if p.check(broken) == nil {
					t.Errorf("%s: the promise still holds", c)
				}
			}
		})
	}
}

func (c change) String() string {
	if c.value == nil {
		return "without " + c.path
	}
	return fmt.Sprintf("with %s = %v", c.path, c.value)
}

// apply makes the change in a copy.
func (c change) apply(source template.Template) (template.Template, error) {
	t := source.Clone()
	steps := strings.Split(c.path, ".")
	last := steps[len(steps)-1]
	parentPath := steps[:len(steps)-1]
	parent, ok := template.At(object(t), parentPath...)
	if !ok {
		return nil, errors.New("there is no such place in the template")
	}
	switch parent := parent.(type) {
	case object:
		if c.value != nil {
			parent[last] = c.value
			return t, nil
		}
		if _, ok := parent[last]; !ok {
			return nil, errors.New("there is nothing to remove")
		}
		delete(parent, last)
		return t, nil
	case []any:
		i, err := strconv.Atoi(last)
		if err != nil || i >= len(parent) {
			return nil, errors.New("there is no such item")
		}
		if c.value != nil {
			parent[i] = c.value
			return t, nil
		}
		return change{strings.Join(parentPath, "."), slices.Delete(parent, i, i+1)}.apply(t)
	}
	return nil, errors.New("there is no such place in the template")
}
