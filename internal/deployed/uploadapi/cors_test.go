package uploadapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"uploadfiles/internal/deployed/upload/storetest"
)

const chat = "https://chat.example.com"

func withOrigins(origins ...string) http.Handler {
	return newAPI(&storetest.Memory{}, func(o *options) { o.Origins = origins })
}

func preflight(origin string) *http.Request {
	r := httptest.NewRequest(http.MethodOptions, path, nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", "POST")
	r.Header.Set("Access-Control-Request-Headers", "x-session-api-key")
	return r
}

func TestPreflightOfAnAllowedOriginNeedsNoKey(t *testing.T) {
	for _, api := range []http.Handler{withOrigins("https://other.example.com", chat), withOrigins("*")} {
		response, body := send(t, api, preflight(chat))
		if response.StatusCode != http.StatusNoContent || body != nil {
			t.Errorf("status = %d, body %v, want 204 and none", response.StatusCode, body)
		}
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin":  chat,
			"Access-Control-Allow-Methods": "POST, OPTIONS",
			"Access-Control-Allow-Headers": "Content-Type, X-Session-API-Key",
			"Access-Control-Max-Age":       "7200",
			"Vary":                         "Origin",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
	}
}

func TestOtherOriginsAreToldNothing(t *testing.T) {
	for name, api := range map[string]http.Handler{
		"none":           withOrigins(),
		"another":        withOrigins("https://other.example.com"),
		"a longer one":   withOrigins(chat + ".evil.example"),
		"another scheme": withOrigins("http://chat.example.com"),
	} {
		for _, r := range []*http.Request{preflight(chat), preflight("null"), post(t, path, "a", "1")} {
			response, _ := send(t, api, r)
			for header := range response.Header {
				if len(header) > 14 && header[:14] == "Access-Control" {
					t.Errorf("allowing %s, %s has %s", name, r.Method, header)
				}
			}
		}
	}
}

func TestAnswersToAnAllowedOriginCanBeRead(t *testing.T) {
	api := withOrigins(chat)
	for _, key := range []string{"secret-key", "wrong"} { // errors as well
		r := post(t, path, "a", "1")
		r.Header.Set("Origin", chat)
		r.Header.Set("X-Session-API-Key", key)
		response, _ := send(t, api, r)
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != chat {
			t.Errorf("status %d: Access-Control-Allow-Origin = %q, want %q", response.StatusCode, got, chat)
		}
	}
}

func TestOPTIONSSaysWhatIsAllowed(t *testing.T) {
	response, _ := send(t, withOrigins(), httptest.NewRequest(http.MethodOptions, path, nil))
	if got := response.Header.Get("Allow"); response.StatusCode != http.StatusNoContent || got != "POST, OPTIONS" {
		t.Errorf("OPTIONS answers %d, Allow %q", response.StatusCode, got)
	}
}
