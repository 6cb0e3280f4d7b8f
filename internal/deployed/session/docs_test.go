package session_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

// TestTheProgramsInTheDocsMakeTheVectors runs what docs/session-keys.md shows.
func TestTheProgramsInTheDocsMakeTheVectors(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/session-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	v := readVectors(t)
	for _, language := range []struct {
		name  string
		tools []string
		run   []string
	}{
		{"python", []string{"python3"}, []string{"python3", "-c"}},
		{"sh", []string{"sh", "openssl", "od", "tr"}, []string{"sh", "-c"}},
	} {
		t.Run(language.name, func(t *testing.T) {
			program := regexp.MustCompile("(?s)```" + language.name + "\n(.*?)```").FindSubmatch(docs)
			if program == nil {
				t.Fatalf("docs/session-keys.md has no program in %s", language.name)
			}
			for _, tool := range language.tools {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skip(err)
				}
			}
			for _, k := range v.Keys {
				args := append(language.run[1:len(language.run):len(language.run)], string(program[1]))
				if language.name == "sh" {
					args = append(args, "session-key.sh") // $0
				}
				command := exec.CommandContext(t.Context(), language.run[0], append(args, k.Conversation, strconv.FormatInt(k.Expires, 10))...)
				command.Env = append(os.Environ(), "MASTER_KEY="+v.MasterKeys[k.Version], "MASTER_VERSION="+k.Version)
				out, err := command.CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != k.Key {
					t.Errorf("%s: key of %s = %q, %v, want %q", language.name, k.Name, got, err, k.Key)
				}
			}
		})
	}
}

func TestTheSecretsInTheDocsCanBeUsed(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/session-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile("(?s)as plain text:\n\n```\n(.*?)```").FindSubmatch(docs)
	object := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(docs)
	if plain == nil || object == nil {
		t.Fatal("docs/session-keys.md shows no secrets")
	}
	for _, value := range []string{string(plain[1]), string(object[1])} {
		sharedBench(t, session.Options{}, value).check(t, chat, strings.TrimSpace(string(plain[1])), nil)
	}
	if _, err := session.Mint(string(object[1]), "1", chat, time.Unix(2e9, 0)); err != nil {
		t.Errorf("Mint() from the secret in the docs: %v", err)
	}
}

// TestTheDocsShowTheFirstVector keeps the worked example true.
func TestTheDocsShowTheFirstVector(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/session-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	v := readVectors(t)
	for _, part := range []string{v.Keys[0].Key, v.Keys[0].Message, v.MasterKeys["1"]} {
		if !strings.Contains(string(docs), part) {
			t.Errorf("docs/session-keys.md does not show %q", part)
		}
	}
}
