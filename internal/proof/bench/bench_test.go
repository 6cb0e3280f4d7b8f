package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/bench/load"
)

// The test binary is a contender too: with this variable it is a function that
// does what the variable says.
const role = "BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "echo":
		lambda.Start(func(_ context.Context, event json.RawMessage) (json.RawMessage, error) { return event, nil })
	case "fail":
		lambda.Start(func() error { return errors.New("no luck") })
	case "exit":
		os.Stdout.WriteString("nothing works")
		os.Exit(3)
	case "die":
		lambda.Start(func() { os.Exit(4) })
	case "store":
		lambda.Start(func(o load.Order) (events.APIGatewayProxyResponse, error) { return floor(o, 0, false) })
	case "forget":
		lambda.Start(func(o load.Order) (events.APIGatewayProxyResponse, error) { return floor(o, 1, false) })
	case "corrupt":
		lambda.Start(func(o load.Order) (events.APIGatewayProxyResponse, error) { return floor(o, 0, true) })
	}
}

// floor does what the real one does, but for a number of files that it forgets,
// and a byte that it changes.
func floor(o load.Order, forget int, corrupt bool) (events.APIGatewayProxyResponse, error) {
	size, err := load.ByName(o.Size)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	answer := load.Answer{}
	for i := range size.Files {
		path := "/" + bucket + "/" + load.Key(o.Conversation, size.FileName(i))
		answer.FileURLs = append(answer.FileURLs, path)
		content := size.Content(i)
		if corrupt {
			content[0]++
		}
		if i >= size.Files-forget {
			continue
		}
		r, err := http.NewRequest(http.MethodPut, os.Getenv("AWS_ENDPOINT_URL_S3")+path, bytes.NewReader(content))
		if err != nil {
			return events.APIGatewayProxyResponse{}, err
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return events.APIGatewayProxyResponse{}, err
		}
		response.Body.Close()
	}
	body, err := json.Marshal(answer)
	return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: string(body)}, err
}

// benchOf is a bench of the test binary in a role, with the two sizes that have
// the least and the most files.
func benchOf(t *testing.T, as string) *bench {
	t.Helper()
	w := workshop{dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(w.dir, "log"), 0o750); err != nil {
		t.Fatal(err)
	}
	b, err := newBench(w, []load.Size{load.Sizes[0], load.Sizes[3]}, shortScale)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := self(t, as)
	b.contenders = []ready{{contender{name: as, order: &load.Order{}}, p}}
	return b
}

func TestRunMeasuresStartsAndUploads(t *testing.T) {
	b := benchOf(t, "store")
	s := stage{Key: "test", starts: 1, effort: 1}
	if err := b.run(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	start := b.report.start(s, "store")
	if len(start.Poll) != 2 || len(start.First) != 1 || len(start.Later) != 1 {
		t.Errorf("starts %+v, want 2 with a first upload each", start)
	}
	for _, size := range b.sizes {
		if warm := b.report.warm(s, "store", size.Name); len(warm.Times) != rounds || len(warm.CPU) != rounds {
			t.Errorf("%s: uploads %+v, want one in each of %d rounds", size.Name, warm, rounds)
		}
	}
}

func TestRunEndsWhereFilesDoNotArrive(t *testing.T) {
	for _, as := range []string{"forget", "corrupt"} {
		t.Run(as, func(t *testing.T) {
			if err := benchOf(t, as).run(t.Context(), stage{Key: "test", effort: 1}); !errors.Is(err, errWrong) {
				t.Errorf("run = %v, want that it is wrong", err)
			}
		})
	}
}

func self(t *testing.T, as string) (program, string) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return program{args: []string{path}, env: []string{role + "=" + as}}, filepath.Join(t.TempDir(), "log")
}

func TestProcessAnswersAndIsMeasured(t *testing.T) {
	program, log := self(t, "echo")
	p, err := startProcess(t.Context(), program, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, event := range []string{`{"a":1}`, `"` + strings.Repeat("b", 5<<20) + `"`} {
		answer, took, err := p.invoke(t.Context(), []byte(event))
		if err != nil || string(answer) != event || took <= 0 {
			t.Errorf("invoke(%.9s) = %.9s, %v, %v", event, answer, took, err)
		}
	}
	if p.start <= 0 {
		t.Errorf("the start took %v", p.start)
	}
	cpu, err := p.cpu()
	if err != nil {
		t.Fatal(err)
	}
	peak, err := p.peak()
	if err != nil {
		t.Fatal(err)
	}
	if known := cpu > 0 && peak > 5<<20; !known && cpu+1 != 1 {
		t.Errorf("processor time %v, peak memory %d bytes, want more", cpu, peak)
	}
}

func TestProcessThatFailsSaysWhy(t *testing.T) {
	program, log := self(t, "exit")
	if _, err := startProcess(t.Context(), program, nil, log); err == nil ||
		!strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "nothing works") {
		t.Errorf("startProcess = %v, want the exit status and what was printed", err)
	}
	for as, want := range map[string]string{"fail": "no luck", "die": "exit status 4"} {
		program, log := self(t, as)
		p, err := startProcess(t.Context(), program, nil, log)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.invoke(t.Context(), []byte("{}")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("invoke = %v, want %q in it", err, want)
		}
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestEventCarriesTheFilesToAnyConversation(t *testing.T) {
	size := load.Size{Name: "small", Files: 2, Bytes: 100}
	event, err := newEvent(size, "key")
	if err != nil {
		t.Fatal(err)
	}
	for _, conversation := range []string{load.Conversation(1), load.Conversation(123456789)} {
		var got events.APIGatewayProxyRequest
		if err := json.Unmarshal(event.to(conversation), &got); err != nil {
			t.Fatal(err)
		}
		if want := "/api/conversations/" + conversation + "/upload-files"; got.Path != want {
			t.Errorf("path %q, want %q", got.Path, want)
		}
		if got.Headers["X-Session-Api-Key"] != "key" || !got.IsBase64Encoded || got.Body == "" {
			t.Errorf("event without key or body: %v", got)
		}
		if strings.Contains(string(event.json), load.Conversation(0)) {
			t.Error("the event still names another conversation")
		}
	}
}

func TestAnswersAreChecked(t *testing.T) {
	u := upload{size: load.Size{Name: "small", Files: 1}, conversation: "c", linked: true}
	const good = `{\"file_urls\":[\"http://s3/bench/conversations/c/file-0.bin?X-Amz-Signature=1\"],\"skipped_files\":[]}`
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"right", `{"statusCode":200,"body":"` + good + `"}`, true},
		{"no JSON", `x`, false},
		{"error", `{"statusCode":500,"body":"` + good + `"}`, false},
		{"encoded", `{"statusCode":200,"isBase64Encoded":true,"body":"` + good + `"}`, false},
		{"body without JSON", `{"statusCode":200,"body":"x"}`, false},
		{"no file", `{"statusCode":200,"body":"{}"}`, false},
		{"skipped", `{"statusCode":200,"body":"` + strings.Replace(good, "[]", `[\"a\"]`, 1) + `"}`, false},
		{"another file", `{"statusCode":200,"body":"` + strings.Replace(good, "file-0", "file-1", 1) + `"}`, false},
		{"not presigned", `{"statusCode":200,"body":"` + strings.Replace(good, "X-Amz-Signature", "Signature", 1) + `"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			urls, err := u.check([]byte(tt.in))
			if tt.ok != (err == nil) || err != nil && !errors.Is(err, errWrong) {
				t.Errorf("check(%s) = %v, %v, want ok %t", tt.in, urls, err, tt.ok)
			}
		})
	}
}

func TestQuantiles(t *testing.T) {
	tests := []struct {
		in                     []float64
		wantMedian, want99, at float64
	}{
		{in: []float64{3}, wantMedian: 3, want99: 3},
		{in: []float64{9, 1, 5}, wantMedian: 5, want99: 9},
		{in: []float64{4, 3, 2, 1}, wantMedian: 2, want99: 4},
	}
	for _, tt := range tests {
		if got := median(tt.in); got != tt.wantMedian {
			t.Errorf("median(%v) = %v, want %v", tt.in, got, tt.wantMedian)
		}
		if got := p99(tt.in); got != tt.want99 {
			t.Errorf("p99(%v) = %v, want %v", tt.in, got, tt.want99)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	if got := p99(hundred); got != 99 {
		t.Errorf("p99(1..100) = %v, want 99", got)
	}
}

func TestReportShowsRatiosAndVerdicts(t *testing.T) {
	r := newReport()
	r.Go, r.System, r.CPUs = "go1.x", "linux/any", 2
	r.Contenders = []string{"floor", "ours", "plain Go"}
	r.Artefacts["ours"] = artefact{Files: 9 << 20, Zip: 4 << 20}
	s := stages[0]
	for i, c := range r.Contenders {
		*r.start(s, c) = startSet{Poll: []float64{float64(i + 1)}}
		*r.warm(s, c, "4 MiB") = warmSet{Times: []float64{float64(2 * (i + 1))}, CPU: []float64{1}}
		r.peak(s, c, int64(i+30)<<20)
	}
	var got strings.Builder
	if err := r.write(&got, []stage{s}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestFlagsChooseWhatIsMeasured(t *testing.T) {
	o, err := parseFlags([]string{"-contenders", "ours; plain Go", "-stages", "null,real", "-variant", "low: GOGC=20 GOMEMLIMIT=30MiB", "-variant", "before: old"})
	if err != nil {
		t.Fatal(err)
	}
	chosen, err := choose(o.contenders)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range append(chosen, o.variants...) {
		names = append(names, c.name)
	}
	if want := []string{"ours", "plain Go", "low", "before"}; !slices.Equal(names, want) {
		t.Errorf("contenders %q, want %q", names, want)
	}
	measured, _, err := chooseStages(o.stages)
	if err != nil || len(measured) != 2 || measured[1].Key != "real" {
		t.Errorf("stages %v, %v", measured, err)
	}
}

func TestFlagsThatNameNothingAreErrors(t *testing.T) {
	if _, err := choose("theirs"); err == nil {
		t.Error("an unknown contender is accepted")
	}
	if _, _, err := chooseStages("null,none"); err == nil {
		t.Error("an unknown stage is accepted")
	}
	for _, args := range [][]string{{"-variant", "GOGC=20"}, {"-variant", "name:"}, {"-n", "many"}} {
		if _, err := parseFlags(args); err == nil {
			t.Errorf("parseFlags(%q) is no error", args)
		}
	}
}

func TestArtefactIsMeasuredInFull(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "sub/b"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := measureArtefact(dir)
	if err != nil || got.Files != 2000 || got.Zip <= 0 || got.Zip >= 2000 {
		t.Errorf("measureArtefact = %+v, %v, want 2000 bytes that compress", got, err)
	}
	if _, err := measureArtefact(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing artefact is no error")
	}
}

func TestInstallRunsOnceForTheSameFiles(t *testing.T) {
	source, dir := t.TempDir(), filepath.Join(t.TempDir(), "installed")
	ran := 0
	install := func(content string, result error) error {
		if err := os.WriteFile(filepath.Join(source, "f"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return install(source, dir, []string{"f"}, func() error { ran++; return result })
	}
	noLuck := errors.New("no luck")
	steps := []struct {
		content string
		result  error
		ran     int
	}{{"1", noLuck, 1}, {"1", nil, 2}, {"1", nil, 2}, {"2", nil, 3}}
	for i, step := range steps {
		if err := install(step.content, step.result); !errors.Is(err, step.result) || ran != step.ran {
			t.Errorf("step %d: install = %v after %d runs, want %v after %d", i, err, ran, step.result, step.ran)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(got) != step.content {
			t.Errorf("step %d: installed %q, %v, want %q", i, got, err, step.content)
		}
	}
}

func TestRuntimeSettingsAreThoseOfTheTemplate(t *testing.T) {
	template := "    Variables:\n      GOMAXPROCS: \"1\"\n      GOGC: 50 # why\n      LOG_LEVEL: !Ref LogLevel\n"
	if got, want := runtimeSettings([]byte(template)), []string{"GOMAXPROCS=1", "GOGC=50"}; !slices.Equal(got, want) {
		t.Errorf("runtimeSettings = %q, want %q", got, want)
	}
}
