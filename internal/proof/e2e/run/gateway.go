package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"uploadfiles/internal/proof/e2e"
	"uploadfiles/internal/proof/e2e/relay"
	"uploadfiles/internal/proof/template"
)

// A gateway is SAM's API Gateway with the functions behind it.
type gateway struct {
	stack e2e.Stack
	log   string // path; the functions' logs are in it
}

func buildFolder(tools tools) string { return filepath.Join(tools.dir, "build") }

// build builds the functions as a deployment would, for the processor of this machine.
func build(ctx context.Context, tools tools) error {
	cmd := tools.sam(ctx, "build", "--template", "template.yaml", "--build-dir", buildFolder(tools))
	cmd.Env = append(cmd.Env, "GOARCH_FUNCTION="+runtime.GOARCH)
	users, err := usersGo(ctx)
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, users...)
	return quietly(cmd)
}

// usersGo gives `sam build` the user's Go: its settings and caches, and those of
// git. SAM's own settings stay away from the user's home nevertheless.
func usersGo(ctx context.Context) ([]string, error) {
	cache, err := command(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOCACHE: %w", err)
	}
	return []string{
		"GOCACHE=" + string(bytes.TrimSpace(cache)),
		"HOME=" + os.Getenv("HOME"), "XDG_CONFIG_HOME=" + os.Getenv("XDG_CONFIG_HOME"), // empty counts as not set
	}, nil
}

// startGateway starts `sam local start-api` on the functions that were built. They
// reach LocalStack through relays that the tests control.
func startGateway(ctx context.Context, tools tools, engine *engine, image lambdaImage,
	localstack localStack, deployed deployment, ends *ends) (gateway, error) {
	g := gateway{log: filepath.Join(tools.dir, "sam.log")}
	host, err := hostAddress()
	if err != nil {
		return g, err
	}
	relays := map[string]*relay.Relay{}
	for _, service := range []string{"store", "secrets"} {
		if relays[service], err = relay.Start(host, localstack.address); err != nil {
			return g, err
		}
		ends.add(relays[service].Close)
	}
	folder := buildFolder(tools)
	local, err := writeLocalTemplate(folder, map[string]string{
		"AWS_ENDPOINT_URL_S3":              fromContainer(relays["store"]),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": fromContainer(relays["secrets"]),
	})
	if err != nil {
		return g, err
	}
	port, err := freePort()
	if err != nil {
		return g, err
	}
	removeContainers := func() error { return engine.removeContainers(context.WithoutCancel(ctx), folder) }
	if err := removeContainers(); err != nil { // of a run that was killed
		return g, err
	}
	ends.add(removeContainers)
	cmd := tools.sam(context.WithoutCancel(ctx), append([]string{"local", "start-api", "--template", local,
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--warm-containers", "LAZY", "--skip-pull-image",
		"--add-host", "host.docker.internal:host-gateway", "--parameter-overrides"},
		overrides(image, localstack, deployed)...)...)
	cmd.Env = append(cmd.Env, "DOCKER_HOST="+engine.host)
	sam, err := startChild(cmd, g.log, syscall.SIGINT, ends)
	if err != nil {
		return g, err
	}
	g.stack = e2e.Stack{
		Name:            "SAM and LocalStack",
		API:             "http://127.0.0.1:" + strconv.Itoa(port),
		Region:          region,
		AccessKeyID:     accessKey,
		SecretAccessKey: secretKey,
		S3:              localstack.endpoint(),
		Bucket:          deployed.bucket,
		Prefix:          prefix,
		Anonymous:       true, // LocalStack enforces no policies
		Secrets:         localstack.endpoint(),
		SecretID:        deployed.secret,
		Origin:          origin,
		URLExpiry:       urlExpiry,
		PreviousWindow:  previousWindow,
		Deployed:        true,
		ColdStart:       "Init Duration", // of the emulator's REPORT line
	}
	if g.stack.Control, err = serveControl(control(relays, removeContainers, g.log), ends); err != nil {
		return g, err
	}
	return g, sam.await(ctx, startTime, func(ctx context.Context) error { return get(ctx, g.stack.API) })
}

// fromContainer is the endpoint of a relay as the function sees it.
func fromContainer(r *relay.Relay) string {
	return "http://host.docker.internal:" + strconv.Itoa(r.Addr().Port)
}

// overrides are the parameters of the template, for SAM.
func overrides(image lambdaImage, localstack localStack, deployed deployment) []string {
	all := maps.Clone(parameters)
	maps.Copy(all, map[string]string{
		"Architecture":             image.architecture,
		"ExistingBucketName":       deployed.bucket,
		"ExistingSecretArn":        deployed.secret,
		"S3PublicEndpoint":         localstack.endpoint(),
		"UrlExpiry":                urlExpiry.String(),
		"SessionKeyCache":          keyCache.String(),
		"SessionKeyPreviousWindow": previousWindow.String(),
		"TimeoutSeconds":           strconv.Itoa(int(timeout.Seconds())),
	})
	var out []string
	for _, name := range template.Names(anyValues(all)) {
		out = append(out, name+"="+all[name])
	}
	return out
}

// functions are those of the template.
var functions = []string{"UploadFunction", "FilesFunction"}

// writeLocalTemplate writes a copy of the template that was built in which the
// functions have more variables: what is deployed can be sent to no endpoint but
// AWS's. SAM passes on no variable that the template does not have. It streams no
// answer either, so the functions are not told to.
func writeLocalTemplate(folder string, variables map[string]string) (path string, err error) {
	text, err := os.ReadFile(filepath.Join(folder, "template.yaml"))
	if err != nil {
		return "", err
	}
	built, err := template.Parse(text)
	if err != nil {
		return "", err
	}
	for _, function := range functions {
		value, _ := template.At(map[string]any(built), "Resources", function, "Properties", "Environment", "Variables")
		environment, ok := value.(map[string]any)
		if !ok {
			return "", fmt.Errorf("%s has no environment in the template that was built", function)
		}
		for name, value := range variables {
			environment[name] = value
		}
		delete(environment, "RESPONSE_STREAMING")
	}
	path = filepath.Join(folder, "local.json")
	text, err = json.Marshal(built)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, text, 0o644)
}

// control is the handler of [e2e.Stack.Control].
func control(relays map[string]*relay.Relay, stopFunctions func() error, log string) http.Handler {
	mux := http.NewServeMux()
	for service, relay := range relays {
		mux.Handle("POST /"+service+"/{mode}", relay)
	}
	mux.HandleFunc("POST /function/stop", func(w http.ResponseWriter, _ *http.Request) {
		if err := stopFunctions(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /function/log", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, log) })
	return mux
}

// serveControl serves on a free port of the loopback and returns its address.
func serveControl(handler http.Handler, ends *ends) (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // until it is closed
	ends.add(server.Close)
	return fmt.Sprintf("http://%s", listener.Addr()), nil
}
