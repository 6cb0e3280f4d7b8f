package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// An engine is a Docker engine, asked over its HTTP API
// (https://docs.docker.com/reference/api/engine/).
type engine struct {
	host   string // as in DOCKER_HOST
	client *http.Client
}

// findEngine returns the engine that answers. Where none does and this is root
// on Linux, it starts one of its own, which it installs first where apt-get can.
func findEngine(ctx context.Context, dir string, ends *ends) (*engine, error) {
	for _, host := range engineHosts() {
		if e, err := newEngine(host); err == nil && e.ping(ctx) == nil {
			return e, nil
		}
	}
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		return nil, errors.New("no Docker engine answers. Start one (Docker Desktop, or: sudo systemctl start docker), " +
			"or set DOCKER_HOST, or run this as root on Linux, which starts one of its own")
	}
	if err := ensureProgram(ctx, "dockerd", "docker.io"); err != nil {
		return nil, fmt.Errorf("no Docker engine answers and none can be started: %w", err)
	}
	return startEngine(ctx, dir, ends)
}

func engineHosts() []string {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		return []string{host}
	}
	hosts := []string{"unix:///var/run/docker.sock"}
	if home, err := os.UserHomeDir(); err == nil {
		hosts = append(hosts, "unix://"+filepath.Join(home, ".docker", "run", "docker.sock"))
	}
	return hosts
}

func newEngine(host string) (*engine, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, err
	}
	network, address := "tcp", u.Host
	if u.Scheme == "unix" {
		network, address = "unix", u.Path
	}
	return &engine{host: host, client: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}}, nil
}

// ensureProgram installs a Debian package where its program is missing.
func ensureProgram(ctx context.Context, program, debian string) error {
	if _, err := exec.LookPath(program); err == nil {
		return nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		return fmt.Errorf("%s is missing: install it (on Debian: apt-get install %s)", program, debian)
	}
	say("installing the Debian package %s", debian)
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", debian}} {
		cmd := command(ctx, apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if err := quietly(cmd); err != nil {
			return err
		}
	}
	_, err = exec.LookPath(program)
	return err
}

// startEngine starts an engine that is ours alone: nobody else's containers or
// images are in it. Its images stay in dir for the next run.
func startEngine(ctx context.Context, dir string, ends *ends) (*engine, error) {
	// The path of a socket has 108 characters at most, which dir may not leave.
	state, err := os.MkdirTemp("", "uploadfiles-docker-")
	if err != nil {
		return nil, err
	}
	ends.add(func() error { return os.RemoveAll(state) })
	e, err := newEngine("unix://" + filepath.Join(state, "docker.sock"))
	if err != nil {
		return nil, err
	}
	say("starting a Docker engine")
	// It leaves the machine's firewall and forwarding alone: containers and this
	// machine reach each other over the bridge and the engine's own proxies.
	cmd := exec.Command("dockerd", "--host", e.host, "--data-root", filepath.Join(dir, "docker"),
		"--exec-root", filepath.Join(state, "exec"), "--pidfile", filepath.Join(state, "pid"),
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	ends.leaveNone(engineFiles...)
	ends.leaveNoMounts(filepath.Join(dir, "docker"), state)
	ends.leaveNoBridge()
	daemon, err := startChild(cmd, filepath.Join(dir, "dockerd.log"), syscall.SIGTERM, ends)
	if err != nil {
		return nil, err
	}
	return e, daemon.await(ctx, startTime, e.ping)
}

// engineFiles are what the daemon makes wherever its data are, each folder
// before what is in it.
var engineFiles = []string{
	"/etc/docker", "/etc/docker/key.json", "/run/docker", "/run/docker/plugins",
	"/run/containerd", "/run/containerd/s",
	"/opt/containerd", "/opt/containerd/bin", "/opt/containerd/lib",
}

// leaveNoMounts unmounts what the daemon has mounted in its folders and leaves
// where it is interrupted at its start.
func (e *ends) leaveNoMounts(folders ...string) {
	e.add(func() error {
		table, err := os.ReadFile("/proc/self/mountinfo")
		switch {
		case errors.Is(err, fs.ErrNotExist): // there is none but on Linux
			return nil
		case err != nil:
			return err
		}
		var errs []error
		for _, point := range mountsIn(string(table), folders...) {
			errs = append(errs, quietly(exec.Command("umount", point)))
		}
		return errors.Join(errs...)
	})
}

// mountsIn are the mount points in folders by a table of mounts
// (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html), last mounted first.
func mountsIn(table string, folders ...string) []string {
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		point := unescape.Replace(fields[4])
		for _, folder := range folders {
			if point == folder || strings.HasPrefix(point, folder+"/") {
				points = append(points, point)
			}
		}
	}
	slices.Reverse(points)
	return points
}

// leaveNoBridge removes the network that the daemon makes and leaves, where there
// is none yet.
func (e *ends) leaveNoBridge() {
	ip, err := exec.LookPath("ip")
	if err != nil || bridge() != nil {
		return
	}
	e.add(func() error {
		if bridge() == nil { // the daemon did not come that far
			return nil
		}
		return quietly(exec.Command(ip, "link", "delete", bridgeName))
	})
}

const bridgeName = "docker0"

// bridge is the network of containers on this machine, or nil.
func bridge() *net.Interface {
	b, err := net.InterfaceByName(bridgeName)
	if err != nil {
		return nil
	}
	return b
}

// hostAddress is where containers reach this machine: the bridge's address or,
// where the engine is in a machine of its own that passes connections on to the
// host's loopback (Docker Desktop), 127.0.0.1.
func hostAddress() (string, error) {
	b := bridge()
	if b == nil {
		return "127.0.0.1", nil
	}
	addresses, err := b.Addrs()
	if err != nil {
		return "", err
	}
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String(), nil
		}
	}
	return "", fmt.Errorf("the network %s has no IPv4 address", bridgeName)
}

// request asks the engine. The answer's body is to be closed.
func (e *engine) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://docker"+path+"?"+query.Encode(), body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/x-tar")
	}
	response, err := e.client.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
		return nil, &engineError{response.StatusCode, string(bytes.TrimSpace(text))}
	}
	return response, nil
}

// An engineError is a refusal of the engine.
type engineError struct {
	status int
	text   string
}

func (e *engineError) Error() string {
	return fmt.Sprintf("Docker engine: status %d: %s", e.status, e.text)
}

func notFound(err error) bool {
	var e *engineError
	return errors.As(err, &e) && e.status == http.StatusNotFound
}

// do asks the engine and decodes its answer into out, if that is not nil.
func (e *engine) do(ctx context.Context, method, path string, query url.Values, out any) error {
	response, err := e.request(ctx, method, path, query, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, response.Body)
		return err
	}
	return json.NewDecoder(response.Body).Decode(out)
}

func (e *engine) ping(ctx context.Context) error { return e.do(ctx, "GET", "/_ping", nil, nil) }

// createImage pulls or imports an image. The engine reports what goes wrong on
// the way in a stream of JSON.
func (e *engine) createImage(ctx context.Context, query url.Values, content io.Reader) error {
	response, err := e.request(ctx, "POST", "/images/create", query, content)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	for decoder := json.NewDecoder(response.Body); ; {
		var progress struct{ Error string }
		switch err := decoder.Decode(&progress); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case progress.Error != "":
			return errors.New(progress.Error)
		}
	}
}

// labels returns the labels of an image, or an error that is notFound.
func (e *engine) labels(ctx context.Context, image string) (map[string]string, error) {
	var description struct {
		Config struct{ Labels map[string]string }
	}
	err := e.do(ctx, "GET", "/images/"+image+"/json", nil, &description)
	return description.Config.Labels, err
}

// removeImage removes an image if it is there.
func (e *engine) removeImage(ctx context.Context, image string) error {
	err := e.do(ctx, "DELETE", "/images/"+image, url.Values{"force": {"1"}}, nil)
	if notFound(err) {
		return nil
	}
	return err
}

// removeContainers removes the containers that see a folder of this machine.
func (e *engine) removeContainers(ctx context.Context, folder string) error {
	var containers []struct {
		ID     string `json:"Id"`
		Mounts []struct{ Source string }
	}
	if err := e.do(ctx, "GET", "/containers/json", url.Values{"all": {"1"}}, &containers); err != nil {
		return err
	}
	var errs []error
	for _, c := range containers {
		for _, m := range c.Mounts {
			if m.Source == folder || strings.HasPrefix(m.Source, folder+"/") {
				err := e.do(ctx, "DELETE", "/containers/"+c.ID, url.Values{"force": {"1"}}, nil)
				if !notFound(err) {
					errs = append(errs, err)
				}
				break
			}
		}
	}
	return errors.Join(errs...)
}
