package e2e_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/app"
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
	var function gateway.Function
	running := localtest.Start(t, local.Options{
		Getenv: func(name string) string { return settings[name] },
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			parsed, err := app.ParseSettings(getenv)
			function = app.New(cfg, parsed, slog.New(slog.DiscardHandler))
			return function, err
		},
	})
	secrets := secretstore.Secrets{running.Secret: {secretstore.Current: "example-session-key"}}
	if err := secretstore.Save(running.SecretsFile, secrets); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"upload": http.StatusOK, "no-key": http.StatusUnauthorized, "preflight": http.StatusNoContent} {
		t.Run(name, func(t *testing.T) {
			event, err := os.ReadFile(filepath.Join("..", "..", "events", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			response, err := function.Invoke(t.Context(), event)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				StatusCode int
				Body       string
			}
			if err := json.Unmarshal(response, &answer); err != nil || answer.StatusCode != want {
				t.Errorf("status %d, want %d; %v; body %s", answer.StatusCode, want, err, answer.Body)
			}
		})
	}
}
