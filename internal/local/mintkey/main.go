// Command mintkey prints a session key for one conversation, derived from a master
// key. See docs/session-keys.md.
//
// The secret that holds the master key comes from AWS Secrets Manager (-secret),
// from the local stack's file of secrets (-store), or as its plain value from a
// file or standard input (-value). The key goes to standard output, and what else
// there is to say to standard error.
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/local/secretstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "session-key:", err)
		stop()
		os.Exit(1)
	}
}

// order is what the command line asks for.
type order struct {
	conversation, expires, version string
	secret, store, value           string
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	var o order
	flags := flag.NewFlagSet("session-key", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.conversation, "conversation", "", "id of the conversation that the key opens")
	flags.StringVar(&o.expires, "expires", "24h", "when the key ends: a duration such as 90m, or a time such as 2030-01-02T15:04:05Z")
	flags.StringVar(&o.version, "version", "", "version of the master key (default the highest)")
	flags.StringVar(&o.secret, "secret", "", "name or ARN of the secret; without -store, in AWS Secrets Manager")
	flags.StringVar(&o.store, "store", "", "file with the local stack's secrets")
	flags.StringVar(&o.value, "value", "", "file with the secret's value; - is standard input")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	expires, err := parseExpiry(o.expires, time.Now())
	if err != nil {
		return err
	}
	value, err := o.read(ctx, stdin, stderr)
	if err != nil {
		return err
	}
	key, err := session.Mint(value, o.version, o.conversation, expires)
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "session key of conversation %s, valid until %s:\n", o.conversation, expires.UTC().Format(time.RFC3339))
	_, err = fmt.Fprintln(stdout, key)
	return err
}

// parseExpiry reads a duration from now or a time in RFC 3339. A key carries
// whole seconds, so that parts of one are dropped.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	expires, err := time.Parse(time.RFC3339, text)
	if err != nil {
		duration, err := time.ParseDuration(text)
		if err != nil {
			return time.Time{}, fmt.Errorf("expiry %q: write a duration such as 24h or 90m, or a time such as 2030-01-02T15:04:05Z", text)
		}
		expires = now.Add(duration)
	}
	expires = expires.Truncate(time.Second)
	if !expires.After(now) {
		return time.Time{}, fmt.Errorf("expiry %q is not in the future", text)
	}
	return expires, nil
}

// read gives the value of the secret.
func (o order) read(ctx context.Context, stdin io.Reader, stderr io.Writer) (string, error) {
	switch {
	case o.value == "-":
		return text(io.ReadAll(stdin))
	case o.value != "":
		return text(os.ReadFile(o.value))
	case o.store != "":
		return fromStore(o.store, o.secret, stderr)
	case o.secret != "":
		return fromAWS(ctx, o.secret)
	}
	return "", errors.New("no secret: name one with -secret, -store or -value")
}

func text(content []byte, err error) (string, error) { return string(content), err }

// fromStore reads the current version of a secret of the local stack, and gives
// it a master key if it has none. Without a name, the store's only secret is
// meant.
func fromStore(file, name string, stderr io.Writer) (string, error) {
	secrets, err := secretstore.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w (the local stack makes this file when it starts)", err)
	}
	if err != nil {
		return "", err
	}
	names := slices.Sorted(maps.Keys(secrets))
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	if _, ok := secrets[name]; !ok {
		return "", fmt.Errorf("%s has no secret %q: it has %s", file, name, strings.Join(names, ", "))
	}
	value, changed := withMaster(secrets[name][secretstore.Current])
	if changed {
		fmt.Fprintf(stderr, "%s had no master key; it has one now, and its session key stays\n", file)
		secrets[name][secretstore.Current] = value
		err = secretstore.Save(file, secrets)
	}
	return value, err
}

// withMaster adds a random master key to a value that is a plain session key.
func withMaster(value string) (string, bool) {
	if value == "" || strings.HasPrefix(value, "{") {
		return value, false
	}
	master := make([]byte, 32)
	_, _ = rand.Read(master) // it never fails
	text, _ := json.Marshal(struct {
		Key    string            `json:"session_api_key"`
		Master map[string]string `json:"master_keys"`
	}{strings.TrimSuffix(value, "\n"), map[string]string{"1": base64.RawURLEncoding.EncodeToString(master)}})
	return string(text), true
}

func fromAWS(ctx context.Context, name string) (string, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return "", err
	}
	version, err := session.NewSecretsManager(secretsmanager.NewFromConfig(cfg)).Get(ctx, name, "AWSCURRENT")
	return version.Value, err
}
