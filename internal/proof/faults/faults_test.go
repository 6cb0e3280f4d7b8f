package faults_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/faults"
)

// server keeps the bodies and hosts of what reaches it.
func server(t *testing.T) (url string, bodies, hosts chan string) {
	t.Helper()
	bodies, hosts = make(chan string, 9), make(chan string, 9)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		hosts <- r.Host
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(s.Close)
	return s.URL, bodies, hosts
}

func start(t *testing.T, target string) *faults.Proxy {
	t.Helper()
	p, err := faults.Start(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func put(ctx context.Context, url string) (status int, body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader("hello"))
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	return response.StatusCode, string(all), err
}

func TestEachFaultIsWhatItSays(t *testing.T) {
	tests := []struct {
		name    string
		fault   faults.Fault
		status  int    // zero: no answer
		answer  string // part of the body
		arrives string // at the server; empty: nothing
	}{
		{"none", nil, 200, "done", "hello"},
		{"error of S3", faults.S3(503, "SlowDown"), 503, "<Code>SlowDown</Code>", ""},
		{"error of Secrets Manager", faults.JSON(400, "ThrottlingException"), 400, `"__type":"ThrottlingException"`, ""},
		{"reset before", faults.ResetBefore, 0, "", ""},
		{"reset in the body", faults.ResetInBody, 0, "", ""},
		{"reset after", faults.ResetAfter, 0, "", "hello"},
		{"delay", faults.Delay(time.Millisecond), 200, "done", "hello"},
		{"corruption", faults.Corrupt, 200, "done", "hemlo"},
		{"slow drip", faults.Drip(time.Microsecond), 200, "done", "hello"},
		{"hang up when idle", faults.HangUpIdle, 200, "done", "hello"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url, bodies, _ := server(t)
			p := start(t, url)
			p.Script("", faults.Rule{Fault: test.fault})
			status, body, err := put(t.Context(), p.URL+"/a")
			if status != test.status || !strings.Contains(body, test.answer) || err == nil != (test.status != 0) {
				t.Errorf("answer %d %q, %v; want %d with %q", status, body, err, test.status, test.answer)
			}
			p.Close()
			close(bodies)
			if got := <-bodies; got != test.arrives {
				t.Errorf("the server got %q, want %q", got, test.arrives)
			}
		})
	}
}

func TestWhatHangsReachesNobodyAndWhatIsLateArrives(t *testing.T) {
	for name, test := range map[string]struct {
		fault   faults.Fault
		arrives string
	}{
		"hang": {faults.Hang, ""}, "late": {faults.Late, "hello"}, "long delay": {faults.Delay(time.Hour), ""},
	} {
		url, bodies, _ := server(t)
		p := start(t, url)
		p.Script("", faults.Rule{Fault: test.fault})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if status, _, err := put(ctx, p.URL); err == nil {
			t.Errorf("%s: status %d, want no answer", name, status)
		}
		cancel()
		p.Close()
		close(bodies)
		if got := <-bodies; got != test.arrives {
			t.Errorf("%s: the server got %q, want %q", name, got, test.arrives)
		}
	}
}

func TestTheHostIsKept(t *testing.T) {
	url, _, hosts := server(t)
	p := start(t, url)
	if _, _, err := put(t.Context(), p.URL+"/a%2Fb?x=1"); err != nil {
		t.Fatal(err)
	}
	if got := "http://" + <-hosts; got != p.URL {
		t.Errorf("the server sees the host %q, want the proxy's, %q: signatures would break", got, p.URL)
	}
	if got := p.Requests(); len(got) != 1 || got[0].Method != http.MethodPut || got[0].Path != "/a/b" {
		t.Errorf("Requests() = %v", got)
	}
	p.Forget()
	if got := p.Requests(); len(got) != 0 {
		t.Errorf("Requests() after Forget = %v", got)
	}
}

func TestRulesCountAndChoose(t *testing.T) {
	url, _, _ := server(t)
	p := start(t, url)
	p.Script("",
		faults.Rule{Method: http.MethodPut, Path: "/b", After: 1, Times: 1, Fault: faults.S3(409, "x")},
		faults.Rule{Method: http.MethodGet, Fault: faults.S3(500, "y")},
		faults.Rule{Path: "/all", Fault: faults.S3(403, "z")},
	)
	var got []int
	for _, path := range []string{"/a", "/b", "/b", "/b", "/all", "/all"} {
		status, _, err := put(t.Context(), p.URL+path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{200, 200, 409, 200, 403, 403}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestScriptsOfOneScopeLeaveOthersAlone(t *testing.T) {
	url, _, _ := server(t)
	p := start(t, url)
	p.Script("/one/", faults.Rule{Fault: faults.S3(409, "x")})
	p.Script("/two/", faults.Rule{Fault: faults.S3(403, "y")})
	p.Set(func(*http.Request) faults.Fault { return faults.S3(500, "z") })
	statuses := func() (got []int) {
		for _, path := range []string{"/one/a", "/two/a", "/three/a"} {
			status, _, err := put(t.Context(), p.URL+path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, status)
		}
		return got
	}
	if diff := cmp.Diff([]int{409, 403, 500}, statuses()); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	p.Script("/one/")
	p.Set(nil)
	if diff := cmp.Diff([]int{200, 403, 200}, statuses()); diff != "" {
		t.Errorf("statuses after the script's end (-want +got):\n%s", diff)
	}
}

func TestServerThatIsGoneIsAReset(t *testing.T) {
	p := start(t, "http://127.0.0.1:1")
	if status, _, err := put(t.Context(), p.URL); err == nil {
		t.Errorf("status %d, want a broken connection", status)
	}
}

// A client that reuses connections meets one that died while nobody used it.
func TestHangUpIdleLeavesADeadConnection(t *testing.T) {
	url, _, _ := server(t)
	p := start(t, url)
	p.Script("", faults.Rule{Fault: faults.HangUpIdle, Times: 1})
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	for range 2 {
		response, err := (&http.Client{Transport: transport}).Get(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	if n := len(p.Requests()); n < 2 {
		t.Errorf("%d requests, want 2", n)
	}
}
