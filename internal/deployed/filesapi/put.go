package filesapi

import (
	_ "embed"
	"net/http"
	"strings"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
)

//go:embed put.sh
var putTemplate string

// put is a POSIX shell script that sends files to the conversation.
func (a API) put(w http.ResponseWriter, r *http.Request, call *httpapi.Call) error {
	begin(w, "text/x-shellscript; charset=utf-8", "put.sh")
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := strings.NewReplacer("CONVERSATION", call.Conversation.String(), "ADDRESS", files.ShellQuote(addressOf(r))).
		WriteString(w, putTemplate)
	return err
}

// addressOf is the address of a conversation, as the client of a request below it
// has it.
func addressOf(r *http.Request) string {
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme != "http" {
		scheme = "https"
	}
	path := r.URL.EscapedPath()
	if info, ok := lambdahttp.InfoFrom(r.Context()); ok {
		path = info.Path
	}
	path = strings.TrimRight(path, "/")
	return scheme + "://" + r.Host + path[:strings.LastIndexByte(path, '/')]
}
