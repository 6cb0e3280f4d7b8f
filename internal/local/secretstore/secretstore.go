// Package secretstore answers GetSecretValue as AWS Secrets Manager does, from
// a JSON file that a user may edit at any time.
package secretstore

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Options say what a store serves, and to whom. All but Log are required.
type Options struct {
	Path string       // of the file of [Secrets]
	AWS  aws.Config   // region, and the credentials that requests must be signed with
	Log  *slog.Logger // of what is wrong with the file; nil means no log
}

// Store is an HTTP handler for the one operation. It reads the file on each
// request, so that what is written counts at once.
type Store struct {
	options Options

	mu       sync.Mutex
	versions map[string]map[string]version // by name and value
	trouble  string                        // of the file, as it was logged last
}

// A version is known by its value: a value that gets another label, as in a
// rotation, is the same version as before.
type version struct {
	id      string
	created time.Time // of the file in which it was seen first
}

// New makes a store. The file may come later.
func New(o Options) *Store {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{options: o, versions: make(map[string]map[string]version)}
}

// request is what GetSecretValue takes:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html.
type request struct {
	SecretID     string `json:"SecretId"`
	VersionID    string `json:"VersionId"`
	VersionStage string
}

type response struct {
	ARN           string
	Name          string
	VersionID     string `json:"VersionId"`
	SecretString  string
	VersionStages []string
	CreatedDate   float64 // seconds since 1970
}

// failure is an error in the words of AWS.
type failure struct {
	status  int
	Type    string `json:"__type"`
	Message string `json:"message,omitempty"`
}

func invalid(kind, message string) *failure { return &failure{http.StatusBadRequest, kind, message} }

func notFound(what string) *failure {
	return invalid("ResourceNotFoundException", "Secrets Manager can't find the specified secret"+what)
}

// maxRequest is the largest request in bytes; names have at most 2,048.
const maxRequest = 64 << 10

// ServeHTTP speaks AWS JSON 1.1
// (https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html).
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := http.StatusOK, any(nil)
	if found, failed := s.answer(r); failed != nil {
		status, body = failed.status, failed
	} else {
		body = found
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a client that has gone can be told nothing
}

func (s *Store) answer(r *http.Request) (*response, *failure) {
	if r.Method != http.MethodPost || r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
		return nil, invalid("UnknownOperationException", "")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, invalid("SerializationException", "")
	}
	if !s.signed(r, body) {
		return nil, invalid("InvalidSignatureException",
			"The request signature we calculated does not match the signature you provided. "+
				"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	var q request
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, invalid("SerializationException", "")
	}
	if q.SecretID == "" {
		return nil, invalid("ValidationException",
			"1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null")
	}
	return s.find(q)
}

// signed signs the request again and compares. It lets nobody in but the stack:
// other users of the machine can reach the address, but not the file.
func (s *Store) signed(r *http.Request, body []byte) bool {
	given := r.Header.Get("Authorization")
	_, list, _ := strings.Cut(given, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	credentials, err := s.options.AWS.Credentials.Retrieve(r.Context())
	if err != nil {
		return false
	}
	again := r.Clone(r.Context())
	again.URL.Host = r.Host
	again.Header = http.Header{}
	for name := range strings.SplitSeq(list, ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(sum[:]),
		"secretsmanager", s.options.AWS.Region, at)
	return err == nil && hmac.Equal([]byte(given), []byte(again.Header.Get("Authorization")))
}

func (s *Store) find(q request) (*response, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secrets, err := s.read()
	if err != nil {
		return nil, &failure{http.StatusInternalServerError, "InternalServiceError", "An error occurred on the server side."}
	}
	name, ok := s.name(q.SecretID, secrets)
	if !ok {
		return nil, notFound(".")
	}
	value, failed := s.pick(q, name, secrets[name])
	if failed != nil {
		return nil, failed
	}
	v := s.versions[name][value]
	return &response{
		ARN:           s.arn(name),
		Name:          name,
		VersionID:     v.id,
		SecretString:  value,
		VersionStages: labels(secrets[name], value),
		CreatedDate:   float64(v.created.UnixMilli()) / 1000,
	}, nil
}

// pick chooses by version, by label, or by both, which must then agree.
func (s *Store) pick(q request, name string, labelled map[string]string) (string, *failure) {
	if q.VersionID == "" {
		label := q.VersionStage
		if label == "" {
			label = Current
		}
		value, ok := labelled[label]
		if !ok {
			return "", notFound(" value for staging label: " + label)
		}
		return value, nil
	}
	for label, value := range labelled {
		if s.versions[name][value].id != q.VersionID {
			continue
		}
		if q.VersionStage == "" || q.VersionStage == label || labelled[q.VersionStage] == value {
			return value, nil
		}
		return "", invalid("InvalidRequestException",
			"You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return "", notFound(" value for VersionId: " + q.VersionID)
}

// read reads the file and gives versions to values that are new. What is wrong
// with the file is logged once.
func (s *Store) read() (Secrets, error) {
	secrets, modified, err := load(s.options.Path)
	if err != nil {
		if s.trouble != err.Error() {
			s.trouble = err.Error()
			s.options.Log.Error("the secrets cannot be read", "cause", s.trouble)
		}
		return nil, err
	}
	s.trouble = ""
	for name, labelled := range secrets {
		known := s.versions[name]
		s.versions[name] = make(map[string]version, len(labelled))
		for _, value := range labelled {
			v, ok := known[value]
			if !ok {
				v = version{newID(), modified}
			}
			s.versions[name][value] = v
		}
	}
	return secrets, nil
}

// name finds the secret that a name, an ARN, or an ARN without its random end
// stands for.
func (s *Store) name(id string, secrets Secrets) (string, bool) {
	if _, ok := secrets[id]; ok {
		return id, true
	}
	for name := range secrets {
		if arn := s.arn(name); id == arn || id == arn[:len(arn)-arnEnd] {
			return name, true
		}
	}
	return "", false
}

// arnEnd is the length of the end that tells an ARN from that of a deleted
// secret of the same name. Here it is always the same for a name.
const arnEnd = len("-abcdef")

func (s *Store) arn(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("arn:aws:secretsmanager:%s:000000000000:secret:%s-%x", s.options.AWS.Region, name, sum[:3])
}

func labels(labelled map[string]string, value string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(labelled)), func(label string) bool { return labelled[label] != value })
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
