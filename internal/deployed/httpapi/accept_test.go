package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"uploadfiles/internal/deployed/httpapi"
)

func TestAcceptNamesTypesThatAreWanted(t *testing.T) {
	tests := map[string]struct {
		lines, want []string
	}{
		"none":             {nil, nil},
		"empty elements":   {[]string{"", " , text/plain,"}, []string{"text/plain"}},
		"several lines":    {[]string{"Text/Plain;q=0.5", "*/*"}, []string{"text/plain", "*/*"}},
		"quality 0":        {[]string{"text/plain;q=0, text/html; q=0.000, a/b;q=0.001"}, []string{"a/b"}},
		"a wrong quality":  {[]string{"text/plain;q=much"}, []string{"text/plain"}},
		"not a media type": {[]string{"text/plain, ;"}, []string{"text/plain", ""}},
	}
	for name, test := range tests {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Accept"] = test.lines
		if got := httpapi.Accepted(r); !slices.Equal(got, test.want) {
			t.Errorf("%s: Accepted(%q) = %q, want %q", name, test.lines, got, test.want)
		}
	}
}

func TestATypeOfQualityZeroIsNotAccepted(t *testing.T) {
	for accept, want := range map[string]bool{
		"application/json, text/x-curl-config":     true,
		"application/json, text/x-curl-config;q=0": false,
		"text/*":            false,
		"text/x-curl-confi": false,
	} {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r.Header.Set("Accept", accept)
		w.Header().Set("Vary", "Origin")
		if got := httpapi.Accepts(w, r, "text/x-curl-config"); got != want {
			t.Errorf("Accepts(%q) = %t, want %t", accept, got, want)
		}
		if vary := w.Header().Values("Vary"); !slices.Equal(vary, []string{"Origin", "Accept"}) {
			t.Errorf("Accepts(%q): Vary %q, want Origin and Accept", accept, vary)
		}
	}
}
