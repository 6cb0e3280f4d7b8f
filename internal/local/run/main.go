// Command run is what `make run` starts: the product on this machine, until
// Ctrl-C.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/apidocs"
	"uploadfiles/internal/local/gateway"
)

// Ports of a first run. 7070 is versitygw's own.
const (
	defaultPort   = 3000
	defaultS3Port = 7070
)

func main() {
	// Until the process is gone no further signal counts: the end is near, and a
	// sudden one could leave the S3 server behind.
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	err := run(ctx, os.Getenv, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "make run:", err)
		os.Exit(1)
	}
}

// endings are the signals that end the stack. Under nohup, the end of the
// terminal is none.
func endings() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// run serves until the context ends.
func run(ctx context.Context, getenv func(string) string, stdout, stderr *os.File) error {
	port, s3Port, err := ports(getenv)
	if err != nil {
		return err
	}
	repository, err := local.Repository()
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(cmp.Or(getenv("LOCAL_DIR"), filepath.Join(repository, ".local")))
	if err != nil {
		return err
	}
	var level slog.LevelVar
	log := newLog(stderr, &level)
	stack, err := local.Start(ctx, local.Options{
		Dir:         dir,
		Port:        port,
		S3Port:      s3Port,
		FirstS3Port: defaultS3Port,
		Getenv:      getenv,
		Log:         log,
		Routes:      routes(),
		Notify:      func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) },
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(getenv)
			if err != nil {
				return nil, err
			}
			level.Set(settings.LogLevel)
			return uploadfunction.New(cfg, settings, log), nil
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			settings, err := filesfunction.ParseSettings(getenv)
			if err != nil {
				return nil, err
			}
			return filesfunction.New(cfg, settings, log), nil
		},
	})
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before it ran")
		}
		return err
	}
	defer stack.Close()
	greet(stdout, stack, dir, repository, colours(stdout, getenv))
	<-ctx.Done()
	return nil
}

// routes are the paths that belong to the stack, not to the function.
func routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/docs", apidocs.Handler())
	mux.Handle("/docs/", apidocs.Handler())
	return mux
}

// ports reads PORT and S3_PORT. Unset, the second is zero.
func ports(getenv func(string) string) (port, s3Port int, err error) {
	if port, err = parsePort(getenv, "PORT", defaultPort); err != nil {
		return 0, 0, err
	}
	s3Port, err = parsePort(getenv, "S3_PORT", 0)
	return port, s3Port, err
}

func parsePort(getenv func(string) string, name string, unset int) (int, error) {
	text := getenv(name)
	if text == "" {
		return unset, nil
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%s is %q: write a port from 1 to 65535, such as %d", name, text, max(unset, defaultPort))
	}
	return port, nil
}

// newLog logs for people: the hour is enough.
func newLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				a.Value = slog.StringValue(a.Value.Time().Format(time.TimeOnly))
			}
			return a
		},
	}))
}
