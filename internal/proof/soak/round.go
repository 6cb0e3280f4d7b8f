package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/local/gateway"
)

// A tally counts what happened.
type tally struct {
	requests, ok, refused, unavailable, failed, abandoned atomic.Int64
	late                                                  atomic.Int64 // after the deadline: a figure, since a busy machine can be the cause
	files, skipped, bytes, extra                          atomic.Int64
}

func (t *tally) String() string {
	return fmt.Sprintf("%d requests: %d×200, %d×401, %d×503, %d×500, %d abandoned, %d late; %d files told (%.1f MiB), %d skipped, %d stored but not told",
		t.requests.Load(), t.ok.Load(), t.refused.Load(), t.unavailable.Load(), t.failed.Load(), t.abandoned.Load(), t.late.Load(),
		t.files.Load(), float64(t.bytes.Load())/(1<<20), t.skipped.Load(), t.extra.Load())
}

// A round is a time of uploads to conversations of its own, and what was sent
// and told in it.
type round struct {
	*services
	number int
	tally  tally

	mu     sync.Mutex
	sent   map[string]map[string]bool // hashes by conversation
	told   map[string]string          // hashes by key
	untrue []string
}

func newRound(s *services, number int) *round {
	return &round{services: s, number: number, sent: map[string]map[string]bool{}, told: map[string]string{}}
}

func (r *round) String() string { return r.tally.String() }

const (
	conversations = 12 // of one round
	lambdaTime    = 6 * time.Second
)

func (r *round) upload(ctx context.Context, d time.Duration, clients int) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			var last *sending
			for time.Now().Before(end) && ctx.Err() == nil {
				if last == nil || rand.N(4) > 0 { // otherwise the same again, as after a timeout
					last = r.compose()
				}
				r.send(last)
			}
		})
	}
	all.Wait()
	r.forget()
}

// A sending is a request that can be sent more than once.
type sending struct {
	conversation string
	hashes       []string
	contentType  string
	body         []byte
}

// compose makes up a request: few names, so that files meet.
func (r *round) compose() *sending {
	s := &sending{conversation: fmt.Sprintf("soak-%d-%d", r.number, rand.N(conversations))}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for range 1 + rand.N(6) {
		content := content()
		part, _ := w.CreateFormFile("files", fmt.Sprintf("file %d.bin", rand.N(5))) // a buffer takes all
		_, _ = part.Write(content)
		s.hashes = append(s.hashes, hash(content))
	}
	_ = w.Close()
	s.body, s.contentType = body.Bytes(), w.FormDataContentType()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent[s.conversation] == nil {
		r.sent[s.conversation] = map[string]bool{}
	}
	for _, h := range s.hashes {
		r.sent[s.conversation][h] = true
	}
	return s
}

// content is empty, small, or now and then a megabyte.
func content() []byte {
	size := [...]int{0, 1, 100, 10_000, 10_000, 100_000, 100_000, 1 << 20}[rand.N(8)]
	content := make([]byte, size)
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	_, _ = rand.NewChaCha8(seed).Read(content) // it never fails
	return content
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// send sends a request with a good key, an older good one, or now and then a
// wrong one, and now and then gives up waiting.
func (r *round) send(s *sending) {
	choice := rand.N(20)
	key := r.key(choice == 1)
	if choice == 0 {
		key = "a-key-that-is-not-the-right-one"
	}
	request, err := http.NewRequest(http.MethodPost, "https://api.example.com/api/conversations/"+s.conversation+"/upload-files", nil)
	if err != nil {
		r.untruth("no request: %v", err)
		return
	}
	request.Header.Set("Content-Type", s.contentType)
	request.Header.Set("X-Session-API-Key", key)
	event, err := gateway.Event(lambdahttp.REST, request, s.body, gateway.Options{BinaryTypes: []string{"*/*"}})
	if err != nil {
		r.untruth("no event: %v", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lambdaTime)
	defer cancel()
	gone := choice == 2
	if gone {
		time.AfterFunc(time.Duration(rand.N(50))*time.Millisecond, cancel)
	}
	response, err := r.function[rand.N(2)].Invoke(ctx, event)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.both(func(t *tally) { t.late.Add(1) })
	}
	if err != nil {
		r.untruth("the function failed: %v", err)
		return
	}
	answer, err := gateway.Decode(lambdahttp.REST, response)
	if err != nil {
		r.untruth("no answer: %v", err)
		return
	}
	r.both(func(t *tally) { t.requests.Add(1) })
	if gone {
		r.both(func(t *tally) { t.abandoned.Add(1) })
	}
	r.count(s, answer, choice == 0)
}

// both counts for the round and in all.
func (r *round) both(count func(*tally)) {
	count(&r.tally)
	count(&r.total)
}

func (r *round) count(s *sending, answer gateway.Answer, wrongKey bool) {
	switch {
	case answer.Status == http.StatusUnauthorized && wrongKey:
		r.both(func(t *tally) { t.refused.Add(1) })
	case answer.Status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "":
		r.both(func(t *tally) { t.unavailable.Add(1) })
	case answer.Status == http.StatusInternalServerError && !wrongKey: // AccessDenied
		r.both(func(t *tally) { t.failed.Add(1) })
	case answer.Status == http.StatusOK && !wrongKey:
		r.both(func(t *tally) { t.ok.Add(1) })
		r.note(s, answer.Body)
	default:
		r.untruth("status %d, wrong key %v: %s", answer.Status, wrongKey, answer.Body)
	}
}

// note keeps what an answer told: each file of the request is in one of the two
// lists, with the hash of what was sent, and a key is never told with two hashes.
func (r *round) note(s *sending, body []byte) {
	var a struct {
		Files []struct {
			Key, SHA256 string
			Size        int64
		}
		Skipped []struct{ Code string }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		r.untruth("no JSON: %v", err)
		return
	}
	if len(a.Files)+len(a.Skipped) != len(s.hashes) {
		r.untruth("%d files and %d skipped of %d", len(a.Files), len(a.Skipped), len(s.hashes))
	}
	left := append([]string(nil), s.hashes...)
	for _, f := range a.Files {
		for len(left) > 0 && left[0] != f.SHA256 {
			left = left[1:] // a skipped one
		}
		if len(left) == 0 {
			r.untruth("%s has the hash of no file that was sent in its place", f.Key)
			return
		}
		left = left[1:]
		r.tell(f.Key, f.SHA256)
		r.both(func(t *tally) { t.files.Add(1); t.bytes.Add(f.Size) })
	}
	r.both(func(t *tally) { t.skipped.Add(int64(len(a.Skipped))) })
}

func (r *round) tell(key, sum string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.told[key]; ok && before != sum {
		r.untrue = append(r.untrue, key+" was told with two hashes")
	}
	r.told[key] = sum
}

func (r *round) untruth(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.untrue = append(r.untrue, fmt.Sprintf(format, args...))
}

// lateTime is how long writes that are late may take.
const lateTime = time.Second

// verify compares the bucket with what was told, and empties it. An object that
// was never told is one whose request was answered with an error, or by nobody:
// it must be a file that was sent to that conversation, whole.
func (r *round) verify(ctx context.Context) error {
	time.Sleep(lateTime)
	there, err := r.objects(ctx)
	if err != nil {
		return err
	}
	for key, sum := range r.told {
		if there[key] != sum {
			r.untruth("%s is lost or changed: %q, told %q", key, there[key], sum)
		}
	}
	for key, sum := range there {
		conversation := strings.Split(key, "/")[1]
		if !r.sent[conversation][sum] {
			r.untruth("%s is nothing that was sent: %s", key, sum)
		}
		if _, ok := r.told[key]; !ok {
			r.both(func(t *tally) { t.extra.Add(1) })
		}
	}
	if len(r.untrue) > 0 {
		return fmt.Errorf("round %d:\n%s", r.number, strings.Join(r.untrue, "\n"))
	}
	return r.empty(ctx, there)
}

func (r *round) objects(ctx context.Context) (map[string]string, error) {
	there := map[string]string{}
	pages := s3.NewListObjectsV2Paginator(r.direct, &s3.ListObjectsV2Input{
		Bucket: &r.stack.Bucket, Prefix: aws.String(fmt.Sprintf("conversations/soak-%d-", r.number)),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, object := range page.Contents {
			out, err := r.direct.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.stack.Bucket, Key: object.Key})
			if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				return nil, err
			}
			there[*object.Key] = hash(content)
		}
	}
	return there, nil
}

func (r *round) empty(ctx context.Context, there map[string]string) error {
	var batch []types.ObjectIdentifier
	for key := range there {
		batch = append(batch, types.ObjectIdentifier{Key: aws.String(key)})
	}
	for len(batch) > 0 {
		n := min(len(batch), 1000)
		_, err := r.direct.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &r.stack.Bucket, Delete: &types.Delete{Objects: batch[:n], Quiet: aws.Bool(true)},
		})
		if err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// judge wants a soak to have met what it is for.
func (s *services) judge() error {
	fmt.Printf("        %d faults, %d rotations of the key\n", s.injected.Load(), s.rotations.Load())
	if s.total.ok.Load() == 0 || s.injected.Load() == 0 {
		return errors.New("nothing was uploaded, or nothing failed")
	}
	return nil
}
