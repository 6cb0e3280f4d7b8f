package e2e_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/template"
)

// The events for `sam local invoke` have the answers that their README promises,
// from a function whose session key is theirs.
func TestEventsHaveTheAnswersThatTheyPromise(t *testing.T) {
	if stack.Deployed {
		t.Skip("the events are tried on the local stack")
	}
	settings := map[string]string{"CORS_ALLOWED_ORIGINS": "http://localhost:8080"}
	var uploads, files gateway.Function
	running := localtest.Start(t, local.Options{
		Getenv: func(name string) string { return settings[name] },
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			parsed, err := uploadfunction.ParseSettings(getenv)
			uploads = uploadfunction.New(cfg, parsed, slog.New(slog.DiscardHandler))
			return uploads, err
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			parsed, err := filesfunction.ParseSettings(getenv)
			function := filesfunction.New(cfg, parsed, slog.New(slog.DiscardHandler))
			files = function
			return function, err
		},
	})
	secrets := secretstore.Secrets{running.Secret: {secretstore.Current: "example-session-key"}}
	if err := secretstore.Save(running.SecretsFile, secrets); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		function gateway.Function
		want     int
	}{
		{"upload", uploads, http.StatusOK},
		{"no-key", uploads, http.StatusUnauthorized},
		{"preflight", uploads, http.StatusNoContent},
		{"list", files, http.StatusOK},
	} {
		t.Run(c.name, func(t *testing.T) {
			response, err := c.function.Invoke(t.Context(), read(t, "events/"+c.name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				StatusCode int
				Body       string
			}
			if err := json.Unmarshal(response, &answer); err != nil || answer.StatusCode != c.want {
				t.Errorf("status %d, want %d; %v; body %s", answer.StatusCode, c.want, err, answer.Body)
			}
		})
	}
}

// SAM gives a function the name that a resource has in the template. So what the
// README has the user override must be all that the functions know of resources.
func TestEventsReadmeOverridesEveryResourceThatAFunctionNames(t *testing.T) {
	source := read(t, "template.yaml")
	deployable, err := template.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer(`"$bucket"`, "files-of-the-stack",
		`"$secret"`, "arn:aws:secretsmanager:eu-central-1:000000000000:secret:uploads-SessionKeySecret-1234-AbCdEf")
	given := map[string]string{}
	readme := regexp.MustCompile(`(?m)--parameter-overrides (.*)$`).FindAllStringSubmatch(string(read(t, "events/README.md")), -1)
	for _, line := range readme {
		for _, override := range strings.Fields(values.Replace(line[1])) {
			name, value, _ := strings.Cut(override, "=")
			given[name] = value
		}
	}
	resolved, err := deployable.Resolve(given)
	if err != nil {
		t.Fatalf("with the overrides %v: %v", given, err)
	}
	for _, function := range []string{"UploadFunction", "FilesFunction"} {
		variables, _ := template.At(map[string]any(resolved), "Resources", function, "Properties", "Environment", "Variables")
		environment, ok := variables.(map[string]any)
		if !ok {
			t.Fatalf("%s has no environment", function)
		}
		for name, value := range environment {
			if _, ok := value.(map[string]any); ok {
				t.Errorf("%s: %s is %v under SAM with the overrides %v", function, name, value, given)
			}
		}
	}
}

// read returns a file of the repository.
func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
