package secretstore

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Secrets are the values of secrets by name and staging label:
//
//	{"upload-files/session-key": {"AWSCURRENT": "…", "AWSPREVIOUS": "…"}}
//
// In the file, a value that is a JSON object may stand as one instead of as text.
type Secrets map[string]map[string]string

// The staging labels of the version in use, of the one before it, and of the one
// that a rotation is about to put in use:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html.
const (
	Current  = "AWSCURRENT"
	Previous = "AWSPREVIOUS"
	Pending  = "AWSPENDING"
)

// Load reads a file of secrets. Its errors say what is wrong and where, and
// never hold a value.
func Load(path string) (Secrets, error) {
	secrets, _, err := load(path)
	return secrets, err
}

func load(path string) (Secrets, time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, time.Time{}, err
	}
	secrets, err := parse(text)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return secrets, info.ModTime(), nil
}

func parse(text []byte) (Secrets, error) {
	var file map[string]map[string]value
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, withoutValues(err, text)
	}
	secrets := make(Secrets, len(file))
	for name, labelled := range file {
		secrets[name] = make(map[string]string, len(labelled))
		for label, value := range labelled {
			if label != Current && label != Previous && label != Pending {
				return nil, fmt.Errorf("secret %q has the label %q; labels are %s, %s and %s", name, label, Current, Previous, Pending)
			}
			secrets[name][label] = string(value)
		}
	}
	return secrets, nil
}

// value is a secret's value as it stands in the file.
type value string

func (v *value) UnmarshalJSON(text []byte) error {
	if !isObject(text) {
		return json.Unmarshal(text, (*string)(v))
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, text)
	*v = value(compact.String())
	return err
}

func (v value) MarshalJSON() ([]byte, error) {
	if text := []byte(v); isObject(text) && json.Valid(text) {
		return text, nil
	}
	return json.Marshal(string(v))
}

func isObject(text []byte) bool { return bytes.HasPrefix(text, []byte("{")) }

// withoutValues keeps the place of an error and drops its text, which quotes
// the file.
func withoutValues(err error, text []byte) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%s not JSON", place(text, syntax.Offset))
	case errors.As(err, &kind):
		return fmt.Errorf(`%s not of the form {"name": {"%s": "value"}}`, place(text, kind.Offset), Current)
	}
	return errors.New("not JSON")
}

func place(text []byte, offset int64) string {
	before := text[:min(int(offset), len(text))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Sprintf("line %d, column %d:", line, column)
}

// Save writes a file of secrets that only its owner can read. Who reads it at
// the same time finds all of the old one or all of the new one.
func Save(path string, secrets Secrets) error {
	file := make(map[string]map[string]value, len(secrets))
	for name, labelled := range secrets {
		file[name] = make(map[string]value, len(labelled))
		for label, text := range labelled {
			file[name][label] = value(text)
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text.Bytes())
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// Ensure gives the secret of this name a random value unless the file has it,
// and returns its current value. It makes the file when there is none.
func Ensure(path, name string) (current string, err error) {
	secrets, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		secrets, err = Secrets{}, nil
	}
	if err != nil {
		return "", err
	}
	if labelled, ok := secrets[name]; ok {
		if labelled[Current] == "" {
			return "", fmt.Errorf("%s: secret %q has no %s", path, name, Current)
		}
		return labelled[Current], nil
	}
	if secrets == nil { // the file said null
		secrets = Secrets{}
	}
	current = newValue()
	secrets[name] = map[string]string{Current: current}
	return current, Save(path, secrets)
}

// newValue returns 40 letters and digits, 238 random bits.
func newValue() string { return rand.Text() + rand.Text()[:14] }
