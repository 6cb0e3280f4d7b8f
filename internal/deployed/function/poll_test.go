package function_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"uploadfiles/internal/deployed/function"
)

// libraryClient is made as github.com/aws/aws-lambda-go makes its own.
func libraryClient() *http.Client {
	return &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
}

func get(t *testing.T, c *http.Client, url string) {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func restoreTransport(t *testing.T) {
	t.Helper()
	before := http.DefaultTransport
	http.DefaultTransport = before.(*http.Transport).Clone()
	t.Cleanup(func() { http.DefaultTransport = before })
}

func TestAfterPollWaitsForTheFirstPoll(t *testing.T) {
	restoreTransport(t)
	answer := func(http.ResponseWriter, *http.Request) {}
	api := httptest.NewServer(http.HandlerFunc(answer))
	defer api.Close()
	other := httptest.NewServer(http.HandlerFunc(answer))
	defer other.Close()
	var calls atomic.Int32
	called := make(chan struct{}, 10)
	function.AfterPoll(strings.TrimPrefix(api.URL, "http://"), func() {
		calls.Add(1)
		called <- struct{}{}
	})
	client := libraryClient()
	get(t, client, other.URL)
	if n := calls.Load(); n != 0 {
		t.Fatalf("after a request to another server the work was begun %d times, want 0", n)
	}
	get(t, client, api.URL)
	<-called
	get(t, client, api.URL)
	get(t, libraryClient(), api.URL) // a connection of its own
	if n := calls.Load(); n != 1 {
		t.Errorf("after three polls the work was begun %d times, want 1", n)
	}
}

func TestAfterPollBeginsNothingWhereThereIsNoRuntimeAPI(t *testing.T) {
	restoreTransport(t)
	gone := httptest.NewServer(nil)
	gone.Close()
	function.AfterPoll(strings.TrimPrefix(gone.URL, "http://"), func() { t.Error("the work was begun") })
	if response, err := libraryClient().Get(gone.URL); err == nil {
		response.Body.Close()
		t.Fatal("a server that is gone answered")
	}
}

func TestAfterPollWithAnotherTransportBeginsAtOnce(t *testing.T) {
	restoreTransport(t)
	http.DefaultTransport = http.NewFileTransport(http.Dir(t.TempDir()))
	synctest.Test(t, func(t *testing.T) {
		begun := false
		function.AfterPoll("127.0.0.1:9001", func() { begun = true })
		synctest.Wait()
		if !begun {
			t.Error("the work is not begun")
		}
	})
}
