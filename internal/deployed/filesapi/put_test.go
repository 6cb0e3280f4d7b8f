package filesapi_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

func TestPutScriptIsOneForShells(t *testing.T) {
	g := newRig()
	response, body := g.send(t, http.MethodGet, base+"/put.sh")
	if response.Header.Get("Content-Type") != "text/x-shellscript; charset=utf-8" || !strings.HasPrefix(body, "#!/bin/sh\n") {
		t.Errorf("script = %v\n%s", response.Header, body)
	}
	if strings.Contains(body, "secret-key") {
		t.Error("the session key is in the script")
	}
	if shell, err := exec.LookPath("sh"); err == nil {
		cmd := exec.CommandContext(t.Context(), shell, "-n")
		cmd.Stdin = strings.NewReader(body)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v %s", err, out)
		}
	}
	if _, body := g.send(t, http.MethodHead, base+"/put.sh"); body != "" {
		t.Errorf("HEAD has the body %q", body)
	}
}

// The script sends to where it came from, whatever is in front of the function.
func TestPutScriptKnowsItsAddress(t *testing.T) {
	g := newRig()
	for _, tt := range []struct {
		name    string
		kind    lambdahttp.Kind
		options gateway.Options
		base    string // of the function
		path    string // in front of /api
		want    string
	}{
		{"a REST API", lambdahttp.REST, gateway.Options{Stage: "prod"}, "", "", "http://files.example.com/prod" + base},
		{"a domain of one's own", lambdahttp.REST, gateway.Options{CustomDomain: true}, "/chat", "/chat", "http://files.example.com/chat" + base},
		{"an HTTP API", lambdahttp.HTTPAPI, gateway.Options{}, "", "", "http://files.example.com" + base},
		{"a stage of an HTTP API", lambdahttp.HTTPAPI, gateway.Options{Stage: "v1"}, "", "", "http://files.example.com/v1" + base},
		{"a load balancer", lambdahttp.ALB, gateway.Options{}, "", "", "http://files.example.com" + base},
	} {
		var script string
		handler := lambdahttp.New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			recorder := httptest.NewRecorder()
			g.handler().ServeHTTP(recorder, r)
			script = recorder.Body.String()
		}), lambdahttp.Options{BasePath: tt.base})
		r := httptest.NewRequest(http.MethodGet, "http://files.example.com"+tt.path+base+"/put.sh", nil)
		r.Header.Set("X-Session-API-Key", "secret-key")
		event, err := gateway.Event(tt.kind, r, nil, tt.options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := handler.Invoke(t.Context(), event); err != nil {
			t.Fatal(err)
		}
		if want := "url='" + tt.want + "'"; !strings.Contains(script, want) {
			t.Errorf("%s: the script has not %s in it", tt.name, want)
		}
	}
}

// A host that its sender makes up is a word of the script and no code.
func TestPutScriptQuotesItsAddress(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, base+"/put.sh", nil)
	r.Host = "a'$(touch pwned)'"
	r.Header.Set("X-Session-API-Key", "secret-key")
	w := httptest.NewRecorder()
	newRig().handler().ServeHTTP(w, r)
	if want := `url='https://a'\''$(touch pwned)'\''` + base + "'"; !strings.Contains(w.Body.String(), want) {
		t.Errorf("the script has not %s in it", want)
	}
}
