package e2e_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
	"uploadfiles/internal/local/secretstore"
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
			event, err := os.ReadFile(filepath.Join("..", "..", "..", "events", c.name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := c.function.Invoke(t.Context(), event)
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
