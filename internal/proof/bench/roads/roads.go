// Package roads measures the ways by which an agent's files come and go: the
// scripts fetch.sh and put.sh and the archive, beside the tools that people reach
// for. All of them run in turns against one local stack at a time, and what they
// brought is looked at after each turn.
package roads

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/proof/bench/services"
)

// Options say what to measure.
type Options struct {
	Dir   string // for what is installed and for files; some 4 GB
	Short bool   // measure next to nothing: show that all of it works
	Only  string // the distance to measure at, such as "TLS, 20 ms"; empty means all
	Say   func(format string, args ...any)
}

// A load is what goes by a road.
type load struct {
	name        string
	files, size int
	rounds      int
}

// A distance is how far the API and S3 are away.
type distance struct {
	name      string
	tls       bool
	roundTrip time.Duration
}

var (
	small  = load{"1,000 x 10 KiB", 1000, 10 << 10, 5}
	middle = load{"100 x 1 MiB", 100, 1 << 20, 5}
	large  = load{"3 x 300 MB", 3, 300_000_000, 3}
	single = load{"1 x 1 GB", 1, 1_000_000_000, 3}

	near   = distance{"HTTP, 0 ms", false, 0}
	far    = distance{"HTTP, 20 ms", false, 20 * time.Millisecond}
	nearBy = distance{"TLS, 0 ms", true, 0}
	farBy  = distance{"TLS, 20 ms", true, 20 * time.Millisecond}
)

// Run measures, and returns what it found.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, err
	}
	tools, err := findTools(ctx, o)
	if err != nil {
		return nil, err
	}
	report := &Report{Skipped: tools.skipped, seconds: map[string][]float64{}}
	loads := []load{small, middle, large, single}
	distances := []distance{near, far, nearBy, farBy}
	if o.Short {
		loads, distances = []load{{"20 x 10 KiB", 20, 10 << 10, 1}}, []distance{farBy}
	}
	if o.Only != "" {
		distances = slices.DeleteFunc(distances, func(d distance) bool { return d.name != o.Only })
		if len(distances) == 0 {
			return nil, fmt.Errorf("no distance %q", o.Only)
		}
	}
	for _, d := range distances {
		o.Say("Roads: %s.", d.name)
		if err := measure(ctx, o, tools, report, d, loads); err != nil {
			return nil, fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return report, nil
}

func measure(ctx context.Context, o Options, tools *tools, report *Report, d distance, loads []load) error {
	s, err := openSite(ctx, o, d)
	if err != nil {
		return err
	}
	defer s.close()
	for i, l := range loads {
		if d.roundTrip > 0 && l.size >= large.size {
			continue // the way is nothing to such a file
		}
		source := filepath.Join(o.Dir, "source")
		if err := fill(source, l); err != nil {
			return err
		}
		if err := s.round(ctx, report, d, l, fmt.Sprintf("load-%d", i), source, tools); err != nil {
			return err
		}
	}
	return nil
}

// round lets every contender take a load once in each of its rounds, there and
// back.
func (s *site) round(ctx context.Context, report *Report, d distance, l load, name, source string, tools *tools) error {
	for round := range l.rounds {
		for _, c := range tools.senders {
			conversation := fmt.Sprintf("%s-%d-%s", name, round, slug(c.name))
			took, err := s.time(ctx, c, conversation, source)
			if err == nil {
				err = s.arrived(ctx, conversation, l)
			}
			if err := report.note("there", d, l, c, took, err); err != nil {
				return err
			}
			if c.name == ourSender && round == 0 {
				continue // what it sent is fetched below
			}
			if err := os.RemoveAll(filepath.Join(s.dir, "s3", s.stack.Bucket, "conversations", conversation)); err != nil {
				return err
			}
		}
	}
	conversation := fmt.Sprintf("%s-%d-%s", name, 0, slug(ourSender))
	for round := range l.rounds {
		for _, c := range tools.fetchers {
			if l.files*l.size > 150_000_000 && c.small || round > 0 && c.once {
				continue
			}
			back := filepath.Join(s.o.Dir, "back")
			if err := errors.Join(os.RemoveAll(back), os.Mkdir(back, 0o750)); err != nil {
				return err
			}
			took, err := s.time(ctx, c, conversation, back)
			if err == nil {
				err = c.check(source, back)
			}
			if err := report.note("back", d, l, c, took, err); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(filepath.Join(s.o.Dir, "back"))
}

// patience is how long a contender may take.
const patience = 2 * time.Minute

// time runs a contender in a folder.
func (s *site) time(ctx context.Context, c contender, conversation, folder string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := c.command
	if c.prepare != nil {
		text, err := c.prepare(ctx, s, conversation)
		if err != nil {
			return 0, err
		}
		command = strings.ReplaceAll(command, "{prepared}", text)
	}
	command = strings.NewReplacer("{conversation}", conversation, "{bucket}", s.stack.Bucket, "{s3}", s.s3.URL, "{api}", s.api.URL).Replace(command)
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = folder
	cmd.Env = s.env
	cmd.WaitDelay = time.Second // its children may hold its output
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	s.o.Say("  %s, %s: %.2f s", c.name, conversation, took.Seconds())
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%.2000s", c.name, err, out)
	}
	return took, nil
}

// fill makes the files of a load, of bytes that compress to nothing less.
func fill(folder string, l load) error {
	if err := errors.Join(os.RemoveAll(folder), os.Mkdir(folder, 0o750)); err != nil {
		return err
	}
	for i := range l.files {
		if err := fillFile(filepath.Join(folder, fmt.Sprintf("f%05d.bin", i)), i, int64(l.size)); err != nil {
			return err
		}
	}
	return nil
}

func fillFile(path string, seed int, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, err = io.CopyN(f, source, size)
	return errors.Join(err, f.Close())
}

// same holds what came back against what was sent.
func same(source, back string) error {
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	there, err := os.ReadDir(back)
	if err != nil || len(there) != len(entries) {
		return fmt.Errorf("%d files came back of %d: %w", len(there), len(entries), err)
	}
	for _, e := range entries {
		want, err := hashOf(filepath.Join(source, e.Name()))
		if err != nil {
			return err
		}
		got, err := hashOf(filepath.Join(back, e.Name()))
		if err != nil || got != want {
			return fmt.Errorf("%s came back as other bytes: %w", e.Name(), err)
		}
	}
	return nil
}

func hashOf(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	hash := sha256.New()
	_, err = io.Copy(hash, f)
	return [sha256.Size]byte(hash.Sum(nil)), err
}

// archived holds that an archive came whole.
func archived(source, back string) error {
	if err := exec.Command("unzip", "-q", filepath.Join(back, "all.zip"), "-d", back).Run(); err != nil {
		return fmt.Errorf("unpack the archive: %w", err)
	}
	if err := os.Remove(filepath.Join(back, "all.zip")); err != nil {
		return err
	}
	return same(source, back)
}

// A site is a local stack that is some way off.
type site struct {
	o       Options
	dir     string
	stack   *local.Stack
	s3, api *services.Relay
	inner   *services.Relay // from the functions to S3
	env     []string
}

func openSite(ctx context.Context, o Options, d distance) (*site, error) {
	s := &site{o: o, dir: filepath.Join(o.Dir, "data")}
	if err := os.RemoveAll(s.dir); err != nil {
		return nil, err
	}
	relayed := services.Options{RoundTrip: d.roundTrip}
	s.env = append(os.Environ(), "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null", "HOME="+o.Dir)
	if d.tls {
		certificate, err := services.NewCertificate()
		if err != nil {
			return nil, err
		}
		file := filepath.Join(o.Dir, "authority.pem")
		if err := os.WriteFile(file, certificate.Authority(), 0o600); err != nil {
			return nil, err
		}
		relayed.TLS = certificate
		s.env = append(s.env, "CURL_CA_BUNDLE="+file, "AWS_CA_BUNDLE="+file, "SSL_CERT_FILE="+file)
	}
	var err error
	for _, to := range []**services.Relay{&s.s3, &s.api} {
		if *to, err = services.StartRelay(relayed); err != nil {
			return nil, err
		}
	}
	if s.inner, err = services.StartRelay(services.Options{RoundTrip: d.roundTrip}); err != nil {
		return nil, err
	}
	return s, s.start(ctx)
}

func (s *site) start(ctx context.Context) error {
	var err error
	log := slog.New(slog.DiscardHandler)
	s.stack, err = local.Start(ctx, local.Options{
		Dir: s.dir,
		Getenv: func(name string) string {
			if name == "S3_PUBLIC_ENDPOINT" {
				return s.s3.URL
			}
			return ""
		},
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(s.away(getenv))
			return uploadfunction.New(cfg, settings, log), err
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			settings, err := filesfunction.ParseSettings(s.away(getenv))
			return filesfunction.New(cfg, settings, log), err
		},
		Notify: s.o.Say,
	})
	if err != nil {
		return err
	}
	credentials, err := s.stack.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	s.env = append(s.env, "SESSION_API_KEY="+s.stack.SecretValue, "AWS_REGION="+s.stack.AWS.Region, "AWS_DEFAULT_REGION="+s.stack.AWS.Region,
		"AWS_ACCESS_KEY_ID="+credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+credentials.SecretAccessKey)
	return errors.Join(s.s3.Lead(s.stack.S3Endpoint), s.inner.Lead(s.stack.S3Endpoint), s.api.Lead(s.stack.URL))
}

// away puts the relay between the functions and S3.
func (s *site) away(getenv func(string) string) func(string) string {
	return func(name string) string {
		if name == "AWS_ENDPOINT_URL_S3" {
			return s.inner.URL
		}
		return getenv(name)
	}
}

func (s *site) close() {
	s.stack.Close()
	_ = errors.Join(s.s3.Close(), s.api.Close(), s.inner.Close(), os.RemoveAll(s.dir)) // it is over
}

// get asks the API, from near by.
func (s *site) get(ctx context.Context, conversation, path string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.stack.URL+"/api/conversations/"+conversation+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Session-API-Key", s.stack.SecretValue)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %d %.200s", path, response.StatusCode, body)
	}
	return string(body), err
}

// arrived counts the files of a conversation and their bytes.
func (s *site) arrived(ctx context.Context, conversation string, l load) error {
	manifest, err := s.get(ctx, conversation, "/manifest")
	if err != nil {
		return err
	}
	if n, size := strings.Count(manifest, `"name":`), strings.Count(manifest, fmt.Sprintf(`"size":%d,`, l.size)); n != l.files || size != l.files {
		return fmt.Errorf("%d files arrived, %d of them with all their bytes; want %d", n, size, l.files)
	}
	return nil
}

func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name)), "-")
}

// Report is what was measured.
type Report struct {
	Skipped map[string]string // contenders that are not to be had, with why
	seconds map[string][]float64
	order   []string
}

// note adds a time. A contender that fails is left out and named; ours must not.
func (r *Report) note(way string, d distance, l load, c contender, took time.Duration, err error) error {
	switch {
	case err == nil:
		r.add(way, d, l, c.name, took)
	case c.name == ourSender || c.name == ourFetcher:
		return fmt.Errorf("%s: %w", c.name, err)
	default:
		r.Skipped[strings.Join([]string{way, d.name, l.name, c.name}, " / ")] = err.Error()
	}
	return nil
}

func (r *Report) add(way string, d distance, l load, contender string, took time.Duration) {
	key := strings.Join([]string{way, d.name, l.name, contender}, " / ")
	if _, ok := r.seconds[key]; !ok {
		r.order = append(r.order, key)
	}
	r.seconds[key] = append(r.seconds[key], took.Seconds())
}

// median is not there for what was not measured.
func (r *Report) median(way string, d distance, l load, contender string) (seconds float64, ok bool) {
	all := slices.Sorted(slices.Values(r.seconds[strings.Join([]string{way, d.name, l.name, contender}, " / ")]))
	if len(all) == 0 {
		return 0, false
	}
	return all[len(all)/2], true
}

// Rows are the medians in the order of their measuring: way, distance, load,
// contender, seconds.
func (r *Report) Rows() [][]string {
	rows := make([][]string, len(r.order))
	for i, key := range r.order {
		all := slices.Sorted(slices.Values(r.seconds[key]))
		rows[i] = []string{key, fmt.Sprintf("%.2f", all[len(all)/2]), fmt.Sprintf("%.2f to %.2f", all[0], all[len(all)-1])}
	}
	return rows
}

// Promises says of each promise of docs/performance.md whether it holds, as far as
// this run tells: promise, at most, is.
func (r *Report) Promises() [][]string {
	var rows [][]string
	ratio := func(promise string, most float64, way string, d distance, l load, ours, other string) {
		a, ok := r.median(way, d, l, ours)
		b, also := r.median(way, d, l, other)
		if !ok || !also {
			return
		}
		verdict := "holds"
		if a/b > most {
			verdict = "misses"
		}
		rows = append(rows, []string{promise, fmt.Sprintf("%.3f", most), fmt.Sprintf("%.3f", a/b), verdict})
	}
	ratio("fetch.sh to s5cmd, 1,000 x 10 KiB, 20 ms, TLS", 1.3, "back", farBy, small, ourFetcher, s5cmdFetcher)
	ratio("fetch.sh to one file after the other, the same", 1.0/40, "back", farBy, small, ourFetcher, oneByOne)
	ratio("fetch.sh to curl and a sha256sum, 3 x 300 MB, 0 ms", 1.15, "back", near, large, ourFetcher, curlAndHash)
	ratio("put.sh to s5cmd, 1,000 x 10 KiB, 20 ms, TLS", 0.5, "there", farBy, small, ourSender, s5cmdSender)
	ratio("put.sh to s5cmd, 1 GB, 0 ms", 1.2, "there", near, single, ourSender, s5cmdSender)
	return rows
}
