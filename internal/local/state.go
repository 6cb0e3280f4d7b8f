package local

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// region is what versitygw and the presigned URLs name.
const region = "us-east-1"

// state is what a folder keeps of the S3 server, so that the URLs of one run
// work in the next: they are signed with the key and name the port.
type state struct {
	S3Port          int    `json:"s3_port,omitempty"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

func statePath(dir string) string { return filepath.Join(dir, "s3.json") }

// loadState makes the keys on the first run.
func loadState(dir string) (state, error) {
	text, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		s := state{AccessKeyID: "AKIA" + rand.Text()[:16], SecretAccessKey: rand.Text() + rand.Text()[:14]}
		return s, s.save(dir)
	}
	if err != nil {
		return state{}, err
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil || s.AccessKeyID == "" || s.SecretAccessKey == "" {
		return state{}, fmt.Errorf("%s cannot be read: remove it to get new S3 keys (the files stay, older URLs end)", statePath(dir))
	}
	return s, nil
}

// save writes the file whole or not at all, for its owner alone.
func (s state) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "s3.json.*") // of mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), statePath(dir))
}

func (s state) config() aws.Config {
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKeyID, s.SecretAccessKey, ""),
	}
}

// Repository finds the repository around the working folder.
func Repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module uploadfiles\n") {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("this runs in the repository only: its folder holds the S3 server's module")
		}
		dir = parent
	}
}

// silent drops what net/http logs of single connections.
var silent = log.New(io.Discard, "", 0)
