package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/proof/template"
)

const long = 10 * time.Second

func TestStandInImageHasWhatSAMLooksFor(t *testing.T) {
	content, err := standInFiles([]byte("shell"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for files := tar.NewReader(bytes.NewReader(content)); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(files)
		got[header.Name] = fmt.Sprintf("%o %s%s", header.Mode, header.Linkname, text)
	}
	want := map[string]string{
		"bin/": "755 ", "bin/busybox": "755 shell", "bin/chmod": "0 busybox", "bin/mv": "0 busybox", "bin/sh": "0 busybox",
		"tmp/": "1777 ", "var/rapid/": "755 ", "var/runtime/": "755 ", "var/task/": "755 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestLocalTemplateAddsOnlyItsVariablesAndStreamsNothing(t *testing.T) {
	folder := t.TempDir()
	const built = "Resources: {UploadFunction: {Properties: {CodeUri: UploadFunction, Environment: {Variables: {A: !Ref B}}}}," +
		" FilesFunction: {Properties: {Environment: {Variables: {C: 1, RESPONSE_STREAMING: \"true\"}}}}}"
	if err := os.WriteFile(filepath.Join(folder, "template.yaml"), []byte(built), 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := writeLocalTemplate(folder, map[string]string{"AWS_ENDPOINT_URL_S3": "http://host:1"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Resources":{"FilesFunction":{"Properties":{"Environment":{"Variables":{"AWS_ENDPOINT_URL_S3":"http://host:1","C":1}}}},` +
		`"UploadFunction":{"Properties":{"CodeUri":"UploadFunction",` +
		`"Environment":{"Variables":{"A":{"Ref":"B"},"AWS_ENDPOINT_URL_S3":"http://host:1"}}}}}}`
	if string(text) != want {
		t.Errorf("template %s, want %s", text, want)
	}
}

func TestLocalTemplateNeedsBothFunctions(t *testing.T) {
	folder := t.TempDir()
	if _, err := writeLocalTemplate(folder, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a template: %v", err)
	}
	const one = "{Properties: {Environment: {Variables: {}}}}"
	for _, resources := range []string{"", "UploadFunction: " + one, "FilesFunction: " + one} {
		if err := os.WriteFile(filepath.Join(folder, "template.yaml"), []byte("Resources: {"+resources+"}"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := writeLocalTemplate(folder, nil); err == nil {
			t.Errorf("a template with the functions {%s} is accepted", resources)
		}
	}
}

// The lifecycle of template.yaml has to be understood to its last field.
func TestLifecycleOfTheTemplateIsUnderstood(t *testing.T) {
	text, err := os.ReadFile("../../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := source.Resolve(parameters)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := template.At(map[string]any(resolved), "Resources", bucketResource, "Properties", "LifecycleConfiguration", "Rules")
	rules, err := lifecycleRules(value)
	if err != nil {
		t.Fatal(err)
	}
	if len(rules) != 3 || *rules[0].AbortIncompleteMultipartUpload.DaysAfterInitiation != 7 ||
		*rules[1].NoncurrentVersionExpiration.NoncurrentDays != 30 ||
		*rules[2].Expiration.Days != 90 || *rules[2].Filter.Prefix != prefix {
		t.Errorf("rules %+v", rules)
	}
	if _, err := lifecycleRules([]any{map[string]any{"Id": "x", "Transitions": []any{}}}); err == nil {
		t.Error("a field that is not understood is passed over")
	}
}

func TestOverridesAreParametersOfTheTemplate(t *testing.T) {
	text, err := os.ReadFile("../../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := template.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	secret := "arn:aws:secretsmanager:eu-central-1:000000000000:secret:uploads-SessionKeySecret-1234-AbCdEf"
	for _, override := range overrides(lambdaImage{architecture: "x86_64"}, localStack{address: "127.0.0.1:4566"}, deployment{"bucket", secret}) {
		name, value, _ := strings.Cut(override, "=")
		given[name] = value
	}
	if _, err := source.Resolve(given); err != nil {
		t.Error(err)
	}
}

func TestToolsDoNotSeeTheUsersAccount(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_SESSION_TOKEN", "token")
	env := tools{"dir"}.sam(t.Context(), "build").Env
	for _, e := range env {
		if strings.HasPrefix(e, "AWS_PROFILE") || strings.HasPrefix(e, "AWS_SESSION_TOKEN") {
			t.Errorf("the environment has %s", e)
		}
	}
	if !slices.Contains(env, "AWS_ACCESS_KEY_ID="+accessKey) || !slices.Contains(env, "AWS_DEFAULT_REGION="+region) {
		t.Errorf("the environment lacks LocalStack's credentials: %q", env)
	}
}

// What the tools write where they like is below their folder, and the rest of the
// user's home is not theirs to see.
func TestToolsWriteBelowTheirFolderOnly(t *testing.T) {
	t.Setenv("HOME", "/home/user")
	t.Setenv("XDG_CACHE_HOME", "/home/user/.cache")
	t.Setenv("XDG_CONFIG_HOME", "/home/user/.config")
	t.Setenv("TMPDIR", "/var/tmp")
	tools := tools{t.TempDir()}
	if err := tools.makeFolders(); err != nil {
		t.Fatal(err)
	}
	env := effective(tools.sam(t.Context(), "build").Env)
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMPDIR", "__SAM_CLI_APP_DIR"} {
		if !strings.HasPrefix(env[name], tools.dir+"/") {
			t.Errorf("%s=%s, want a folder below %s", name, env[name], tools.dir)
		}
	}
	if _, err := os.Stat(env["TMPDIR"]); err != nil {
		t.Errorf("the temporary folder: %v", err)
	}
}

// An index of packages or a proxy that the user has set up counts, so the home
// stays; caches and temporary files do not go there.
func TestInstallersKeepTheUsersSettingsAndLeaveHimNoCaches(t *testing.T) {
	t.Setenv("HOME", "/home/user")
	tools := tools{t.TempDir()}
	env := effective(tools.installer(t.Context(), "uv", "venv").Env)
	if env["HOME"] != "/home/user" {
		t.Errorf("HOME=%s, want the user's", env["HOME"])
	}
	for _, name := range []string{"TMPDIR", "UV_CACHE_DIR", "PIP_CACHE_DIR", "UV_PYTHON_INSTALL_DIR"} {
		if !strings.HasPrefix(env[name], tools.dir+"/") {
			t.Errorf("%s=%s, want a folder below %s", name, env[name], tools.dir)
		}
	}
}

// The build is the user's: with his module cache, so that nothing is fetched anew.
func TestBuildHasTheUsersGo(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", "")
	cache := t.TempDir()
	t.Setenv("GOCACHE", cache)
	env, err := usersGo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tools := tools{t.TempDir()}
	got := effective(append(tools.sam(t.Context(), "build").Env, env...))
	for name, want := range map[string]string{"HOME": os.Getenv("HOME"), "GOCACHE": cache, "XDG_CONFIG_HOME": ""} {
		if got[name] != want {
			t.Errorf("%s=%s, want %q", name, got[name], want)
		}
	}
	if !strings.HasPrefix(got["__SAM_CLI_APP_DIR"], tools.dir) {
		t.Errorf("SAM's own settings are in %q", got["__SAM_CLI_APP_DIR"])
	}
}

// effective are the variables as a process has them: the last value counts.
func effective(environment []string) map[string]string {
	values := map[string]string{}
	for _, e := range environment {
		name, value, _ := strings.Cut(e, "=")
		values[name] = value
	}
	return values
}

func TestTemporaryFolderStartsEmpty(t *testing.T) {
	tools := tools{t.TempDir()}
	for range 2 {
		if err := tools.makeFolders(); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(tools.temp()); err != nil || len(left) != 0 {
			t.Errorf("the temporary folder has %v, %v", left, err)
		}
		for _, folder := range []string{tools.temp(), tools.cache()} {
			if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(tools.cache(), "file")); err != nil {
		t.Errorf("the cache does not last: %v", err)
	}
}

func TestInstallationCountsOnlyWithItsLock(t *testing.T) {
	t.Chdir("../../../..")
	tool := tools{t.TempDir()}
	lock, ok, err := tool.installed("uv")
	if ok || err != nil || len(lock) == 0 {
		t.Fatalf("not installed: %t, %v", ok, err)
	}
	if err := os.MkdirAll(filepath.Join(tool.dir, "uv"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stamp []byte
		want  bool
	}{{[]byte("uv==0.0.1"), false}, {lock, true}} {
		if err := os.WriteFile(tool.stamp("uv"), c.stamp, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := tool.installed("uv"); ok != c.want || err != nil {
			t.Errorf("installed = %t, %v, want %t", ok, err, c.want)
		}
	}
	if _, _, err := tool.installed("nothing"); err == nil {
		t.Error("a tool without a lock file is accepted")
	}
}

// A lock file that names a host would send others to it.
func TestLockFilesNameNoHost(t *testing.T) {
	files, err := filepath.Glob("../tools/*.txt")
	if err != nil || len(files) != 4 {
		t.Fatalf("lock files %q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "://") || strings.Contains(string(text), "index-url") {
			t.Errorf("%s names a host", file)
		}
		if !strings.Contains(string(text), "--hash=sha256:") {
			t.Errorf("%s has no hashes", file)
		}
	}
}

func TestChildIsEndedByItsSignal(t *testing.T) {
	dir := t.TempDir()
	var ends ends
	cmd := exec.Command("sh", "-c", "trap 'echo cleaned up; exit' INT; echo ready; while :; do sleep 0.01; done")
	c, err := startChild(cmd, filepath.Join(dir, "log"), syscall.SIGINT, &ends)
	if err != nil {
		t.Fatal(err)
	}
	err = c.await(t.Context(), long, func(context.Context) error {
		if text, _ := os.ReadFile(c.log); !strings.Contains(string(text), "ready") {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ends.run(); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(c.log); string(text) != "ready\ncleaned up\n" {
		t.Errorf("log %q", text)
	}
}

func TestChildThatEndsIsNotWaitedFor(t *testing.T) {
	var ends ends
	c, err := startChild(exec.Command("sh", "-c", "echo no such option; exit 2"), filepath.Join(t.TempDir(), "log"), syscall.SIGTERM, &ends)
	if err != nil {
		t.Fatal(err)
	}
	err = c.await(t.Context(), long, func(context.Context) error { return errors.New("not ready") })
	if err == nil || !strings.Contains(err.Error(), "no such option") {
		t.Errorf("await = %v, want the end of the log", err)
	}
	if err := ends.run(); err != nil {
		t.Error(err)
	}
}

func TestChildThatIsNeverReadyIsGivenUp(t *testing.T) {
	var ends ends
	c, err := startChild(exec.Command("sleep", "60"), filepath.Join(t.TempDir(), "log"), syscall.SIGTERM, &ends)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.run()
	err = c.await(t.Context(), 10*time.Millisecond, func(context.Context) error { return errors.New("still loading") })
	if err == nil || !strings.Contains(err.Error(), "still loading") {
		t.Errorf("await = %v, want what it waited for", err)
	}
}

func TestEndsRunLastFirstAndAll(t *testing.T) {
	var order []string
	var ends ends
	for _, name := range []string{"first", "second", "third"} {
		ends.add(func() error {
			order = append(order, name)
			return errors.New(name + " failed")
		})
	}
	err := ends.run()
	if want := []string{"third", "second", "first"}; !slices.Equal(order, want) {
		t.Errorf("order %q, want %q", order, want)
	}
	for _, name := range order {
		if !strings.Contains(err.Error(), name+" failed") {
			t.Errorf("%v does not tell of %s", err, name)
		}
	}
}

func TestOnlyWhatWasNotThereIsRemoved(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path(name)), 0o700), os.WriteFile(path(name), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("theirs/key")
	var ends ends
	ends.leaveNone(path("theirs"), path("theirs/key"), path("theirs/more"), path("ours"), path("ours/key"), path("shared"), path("never"))
	write("theirs/more")
	write("ours/key")
	write("shared/of somebody who came meanwhile")
	if err := ends.run(); err != nil {
		t.Error(err)
	}
	var left []string
	for _, name := range []string{"theirs/key", "theirs/more", "ours", "shared/of somebody who came meanwhile"} {
		if _, err := os.Lstat(path(name)); err == nil {
			left = append(left, name)
		}
	}
	if want := []string{"theirs/key", "shared/of somebody who came meanwhile"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

func TestOnlyTheEnginesMountsAreUndoneLastFirst(t *testing.T) {
	const table = `22 1 253:0 / / rw,relatime - ext4 /dev/vda rw
80 22 253:0 /e2e/docker /my\040repo/.local/e2e/docker rw,relatime - ext4 /dev/vda rw
81 80 0:4 net:[1] /tmp/state/exec/netns/default rw shared:1 - nsfs nsfs rw
82 80 0:5 / /my\040repo/.local/e2e/docker/overlay2/x/merged rw - overlay overlay rw
83 22 253:0 / /my\040repo/.local/e2e/docker-of-another rw - ext4 /dev/vda rw
`
	got := mountsIn(table, "/my repo/.local/e2e/docker", "/tmp/state")
	want := []string{"/my repo/.local/e2e/docker/overlay2/x/merged", "/tmp/state/exec/netns/default", "/my repo/.local/e2e/docker"}
	if !slices.Equal(got, want) {
		t.Errorf("mounts %q, want %q", got, want)
	}
}

func TestInterruptedRunTellsOnlyWhatIsLeft(t *testing.T) {
	failed, left := errors.New("dockerd ended"), errors.New("a container stays")
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for _, c := range []struct {
		name      string
		ctx       context.Context
		err, left error
		want      string
	}{
		{"success", t.Context(), nil, nil, ""},
		{"failure", t.Context(), failed, nil, "dockerd ended"},
		{"failure and left", t.Context(), failed, left, "dockerd ended\na container stays"},
		{"interrupted", interrupted, failed, nil, "interrupted; everything that was started is stopped"},
		{"interrupted and left", interrupted, failed, left, "interrupted, and not everything could be undone: a container stays"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := outcome(c.ctx, c.err, c.left); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("outcome(%v, %v) = %q, want %q", c.err, c.left, got, c.want)
			}
		})
	}
}

// A daemon that never came up has made nothing that could be removed, and one
// that does is told to leave the firewall alone.
func TestEngineThatDoesNotStartLeavesNothing(t *testing.T) {
	programs, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	for name, script := range map[string]string{
		"dockerd": "echo \"$@\"; exit 1",
		"ip":      "echo 'Cannot find device' >&2; exit 1",
	} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
	var ends ends
	_, err := startEngine(t.Context(), dir, &ends)
	if err == nil || !strings.Contains(err.Error(), "--iptables=false --ip6tables=false --ip-forward=false --ip-masq=false") {
		t.Errorf("startEngine = %v, want the end of its log with its options", err)
	}
	if err := ends.run(); err != nil {
		t.Errorf("ending it: %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("the temporary folder has %v, %v", left, err)
	}
}

// fakeEngine answers as a Docker engine, and remembers what was asked.
func fakeEngine(t *testing.T, answers map[string]string) (*engine, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.Error(w, `{"message":"no such thing"}`, http.StatusNotFound)
			return
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	e, err := newEngine("tcp://" + server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return e, &asked
}

func TestOnlyOurContainersAreRemoved(t *testing.T) {
	containers, err := json.Marshal([]any{
		map[string]any{"Id": "ours", "Mounts": []any{map[string]any{"Source": "/etc/hosts"}, map[string]any{"Source": "/repo/build/UploadFunction"}}},
		map[string]any{"Id": "neighbours", "Mounts": []any{map[string]any{"Source": "/repo/build-of-another"}}},
		map[string]any{"Id": "bare"},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, asked := fakeEngine(t, map[string]string{"GET /containers/json": string(containers), "DELETE /containers/ours": ""})
	if err := e.removeContainers(t.Context(), "/repo/build"); err != nil {
		t.Error(err)
	}
	if want := []string{"GET /containers/json", "DELETE /containers/ours"}; !slices.Equal(*asked, want) {
		t.Errorf("asked %q, want %q", *asked, want)
	}
}

func TestImageThatIsThereIsTaken(t *testing.T) {
	tag := "al2023-x86_64"
	if strings.HasPrefix(hostArchitecture(), "arm") {
		tag = "al2023-arm64"
	}
	inspect := "GET /images/" + repository + ":" + tag + "/json"
	e, asked := fakeEngine(t, map[string]string{inspect: `{"Config":{"Labels":null}}`})
	var ends ends
	image, err := baseImage(t.Context(), e, &ends)
	if err != nil || image.what != "Lambda's own image" || len(ends) != 0 {
		t.Errorf("baseImage = %+v, %v", image, err)
	}
	if want := []string{inspect}; !slices.Equal(*asked, want) {
		t.Errorf("asked %q, want %q", *asked, want)
	}
}

func TestPullThatFailsInItsMidstIsAnError(t *testing.T) {
	e, _ := fakeEngine(t, map[string]string{"POST /images/create": `{"status":"Pulling"}` + "\n" + `{"error":"unauthorized"}`})
	if err := pull(t.Context(), e, "al2023-x86_64"); err == nil || !strings.Contains(err.Error(), "unauthorized") {
		t.Errorf("pull = %v", err)
	}
}

func TestRemovingWhatIsNotThereIsNoError(t *testing.T) {
	e, _ := fakeEngine(t, nil)
	if err := e.removeImage(t.Context(), "nothing"); err != nil {
		t.Error(err)
	}
	if _, err := e.labels(t.Context(), "nothing"); !notFound(err) {
		t.Errorf("labels = %v, want not found", err)
	}
}

func TestCommandEndsWithAllThatItStarted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := command(ctx, "sh", "-c", "sleep 600 & echo ready; wait")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(output, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	cancel()
	// The output ends when the last of them has, which without help takes ten minutes.
	if _, err := io.ReadAll(output); err != nil {
		t.Error(err)
	}
	cmd.Wait()
}
