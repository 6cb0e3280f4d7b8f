package mediatype

import (
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// ErrType and ErrExtension are why a file is refused. The errors that [Rules.Check] returns match one of them
// by [errors.Is]; their text is a sentence for the client, and says what is accepted instead.
var (
	ErrType      = errors.New("type of file not accepted")
	ErrExtension = errors.New("file extension not accepted")
)

// Rules say which files are accepted. The zero value accepts all.
type Rules struct {
	types      []string // in lower case, such as "application/pdf" or "image/*"; none means all
	extensions []string // in lower case, with their dot; none means all
}

// ParseRules reads the settings ALLOWED_TYPES and ALLOWED_EXTENSIONS: lists with commas, in any case.
// A type is one such as "application/pdf" or a wildcard such as "image/*"; an extension is one such as ".pdf",
// and may be written without its dot. An empty list accepts all. The error names every entry that is wrong.
//
// A wildcard takes in active types: "image/*" accepts SVG, which can hold scripts.
func ParseRules(types, extensions string) (Rules, error) {
	var rules Rules
	var problems []error
	for _, entry := range entries(types) {
		accepted, err := parseType(entry)
		problems = append(problems, err)
		rules.types = append(rules.types, accepted)
	}
	for _, entry := range entries(extensions) {
		accepted, err := parseExtension(entry)
		problems = append(problems, err)
		rules.extensions = append(rules.extensions, accepted)
	}
	if err := errors.Join(problems...); err != nil {
		return Rules{}, err
	}
	return rules, nil
}

// Check returns nil where a file of this name and type is accepted, and otherwise an error for the client
// that is [ErrExtension] or [ErrType]. Where there are rules for both, the file has to meet both.
//
// The end of the name counts: "x.php.png" has the extension ".png", and only the rule ".tar.gz" looks at two.
// The name should be the one under which the file will be stored, and the type the one that [Sniff] found for it.
func (r Rules) Check(name string, t Type) error {
	if !r.acceptsExtension(name) {
		return refusal{ErrExtension, "Files with this extension are not accepted; accepted: " + strings.Join(r.extensions, ", ")}
	}
	if !r.acceptsType(t.Essence()) {
		return refusal{ErrType, "Files of type " + t.Essence() + " are not accepted; accepted: " + strings.Join(r.types, ", ")}
	}
	return nil
}

func (r Rules) acceptsExtension(name string) bool {
	for _, extension := range r.extensions {
		start := len(name) - len(extension)
		if start > 0 && strings.EqualFold(name[start:], extension) {
			return true
		}
	}
	return len(r.extensions) == 0
}

func (r Rules) acceptsType(essence string) bool {
	for _, accepted := range r.types {
		mainType, isWildcard := strings.CutSuffix(accepted, "*")
		if essence == accepted || isWildcard && strings.HasPrefix(essence, mainType) {
			return true
		}
	}
	return len(r.types) == 0
}

// refusal is an error for the client, of one of the two kinds.
type refusal struct {
	kind     error
	sentence string
}

func (r refusal) Error() string { return r.sentence }

func (r refusal) Unwrap() error { return r.kind }

// entries returns the entries of a list with commas, in lower case. Empty ones do not count.
func entries(list string) []string {
	var all []string
	for entry := range strings.SplitSeq(strings.ToLower(list), ",") {
		if entry = strings.TrimSpace(entry); entry != "" {
			all = append(all, entry)
		}
	}
	return all
}

// parseType returns an entry of ALLOWED_TYPES under the name that Sniff gives to the type.
func parseType(entry string) (string, error) {
	if entry == "*" || entry == "*/*" {
		return "", fmt.Errorf("ALLOWED_TYPES: leave it empty instead of %q to accept every type", entry)
	}
	essence, params, err := mime.ParseMediaType(entry)
	mainType, subtype, _ := strings.Cut(essence, "/")
	switch {
	case err != nil || subtype == "":
		return "", fmt.Errorf("ALLOWED_TYPES: %q is not a media type: write one such as \"application/pdf\" or \"image/*\"; extensions belong in ALLOWED_EXTENSIONS", entry)
	case len(params) > 0:
		return "", fmt.Errorf("ALLOWED_TYPES: %q has a parameter: write %q", entry, essence)
	case strings.Contains(mainType, "*"), strings.Contains(subtype, "*") && subtype != "*":
		return "", fmt.Errorf("ALLOWED_TYPES: %q has a wildcard in a part of a word: write one such as \"image/*\"", entry)
	case !slices.Contains(mainTypes, mainType):
		return "", fmt.Errorf("ALLOWED_TYPES: no media type begins with %q: write one of %s", mainType+"/", strings.Join(mainTypes, ", "))
	}
	return canonical(essence), nil
}

// canonical is the name that Sniff gives to a type, where it knows the type.
func canonical(essence string) string {
	if essence == "image/jpg" {
		return "image/jpeg"
	}
	if known := mimetype.Lookup(essence); known != nil {
		return essenceOf(known)
	}
	return essence
}

// mainTypes are what a media type begins with
// (https://www.iana.org/assignments/media-types), but for those that no file has.
var mainTypes = []string{"application", "audio", "font", "image", "message", "model", "text", "video"}

// parseExtension returns an entry of ALLOWED_EXTENSIONS with its dot.
func parseExtension(entry string) (string, error) {
	extension := strings.TrimPrefix(entry, ".")
	switch {
	case strings.Contains(extension, "/"):
		return "", fmt.Errorf("ALLOWED_EXTENSIONS: %q is not an extension: write one such as \".pdf\"; media types belong in ALLOWED_TYPES", entry)
	case extension == "*":
		return "", fmt.Errorf("ALLOWED_EXTENSIONS: leave it empty instead of %q to accept every extension", entry)
	case strings.HasPrefix(extension, "*."):
		return "", fmt.Errorf("ALLOWED_EXTENSIONS: %q has a wildcard: write %q", entry, extension[1:])
	case extension == "", strings.HasPrefix(extension, "."), strings.HasSuffix(extension, "."), strings.ContainsAny(extension, ` \<>:"|?*;`):
		return "", fmt.Errorf("ALLOWED_EXTENSIONS: %q is not an extension: write one such as \".pdf\", and commas between them", entry)
	}
	return "." + extension, nil
}
