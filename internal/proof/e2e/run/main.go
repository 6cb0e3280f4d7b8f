// Command run runs the end-to-end suite against the function as it would be
// deployed: built by `sam build`, in Lambda's container by `sam local
// start-api`, with S3 and Secrets Manager by LocalStack, where the bucket, its
// policy and the secret of template.yaml are deployed. It installs what it
// needs below .local/e2e, and stops and removes what it started, also after a
// failure or Ctrl-C.
//
//	run [-lint] [arguments of go test]
//
// It runs in the repository's root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/local/filelock"
	"uploadfiles/internal/proof/e2e"
)

// What the stack under test is set to. Times are short, so that the tests see
// URLs and keys expire.
const (
	region         = "eu-central-1"
	accessKey      = "test" // LocalStack's own
	secretKey      = "test"
	origin         = "http://localhost:8080"
	prefix         = "conversations/"
	urlExpiry      = 8 * time.Second
	previousWindow = 5 * time.Second
	keyCache       = time.Second
	timeout        = 5 * time.Second
)

func main() {
	// Children die with the thread that starts them, which this makes the
	// program's first and last.
	runtime.LockOSThread()
	lintOnly := flag.Bool("lint", false, "check template.yaml by sam validate, cfn-lint and checkov, and nothing else")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	work := testSuite
	if *lintOnly {
		work = lint
	}
	if err := run(ctx, work, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// say tells the user what goes on.
func say(format string, args ...any) { fmt.Printf("e2e: "+format+"\n", args...) }

// run takes the lock of the folder that all tools share and does the work.
func run(ctx context.Context, work func(context.Context, tools, []string) error, args []string) error {
	if _, err := os.Stat("template.yaml"); err != nil {
		return errors.New("run this in the repository's root, or use `make e2e`")
	}
	dir, err := filepath.Abs(filepath.Join(".local", "e2e"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := filelock.Try(filepath.Join(dir, "lock"))
	if err != nil {
		return fmt.Errorf("another run is under way: %w", err)
	}
	defer lock.Release()
	tools, err := installTools(ctx, dir)
	if err != nil {
		return outcome(ctx, err, nil)
	}
	return work(ctx, tools, args)
}

// lint checks the template with every tool there is for it.
func lint(ctx context.Context, tools tools, _ []string) error {
	for _, c := range []*exec.Cmd{
		tools.sam(ctx, "validate", "--lint", "--template", "template.yaml", "--region", region),
		tools.command(ctx, "sam", "cfn-lint", "--include-checks", "I", "--template", "template.yaml"),
		tools.command(ctx, "checkov", "checkov", "--file", "template.yaml", "--framework", "cloudformation",
			"--compact", "--quiet", "--skip-download"),
	} {
		if err := quietly(c); err != nil {
			return outcome(ctx, err, nil)
		}
	}
	say("template.yaml: sam validate --lint, cfn-lint and checkov find nothing")
	return checkVersions(ctx, tools)
}

// testSuite brings the stack up, tests it, and takes it down.
func testSuite(ctx context.Context, tools tools, args []string) (err error) {
	var ends ends
	defer func() { err = outcome(ctx, err, ends.run()) }()

	engine, err := findEngine(ctx, tools.dir, &ends)
	if err != nil {
		return err
	}
	image, err := baseImage(ctx, engine, &ends)
	if err != nil {
		return err
	}
	localstack, err := startLocalStack(ctx, tools, &ends)
	if err != nil {
		return err
	}

	// The build needs the processor, the deployment mostly waits.
	var deployed deployment
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return build(groupCtx, tools) })
	group.Go(func() (err error) {
		deployed, err = localstack.deploy(groupCtx)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}

	gateway, err := startGateway(ctx, tools, engine, image, localstack, deployed, &ends)
	if err != nil {
		return err
	}
	say("testing the function in %s", image.what)
	group, groupCtx = errgroup.WithContext(ctx)
	group.Go(func() error { return lint(groupCtx, tools, nil) })
	group.Go(func() error { return walkGuided(groupCtx, tools, localstack) })
	group.Go(func() error { return goTest(groupCtx, gateway.stack, args) })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%w\nlogs: %s, %s", err, gateway.log, localstack.log)
	}
	return nil
}

// goTest runs the suite against a stack.
func goTest(ctx context.Context, stack e2e.Stack, args []string) error {
	cmd := command(ctx, "go", append([]string{"test", "-count=1", "-timeout=30m", "./internal/proof/e2e"}, args...)...)
	cmd.Env = append(os.Environ(), e2e.Variable+"="+stack.Encode())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the suite failed: %w", err)
	}
	return nil
}

// outcome is how a run ended: with its error and that of undoing it. Of one that
// was interrupted, only what is left counts: all the rest fails then.
func outcome(ctx context.Context, err, left error) error {
	switch {
	case ctx.Err() == nil:
		return errors.Join(err, left)
	case left == nil:
		return errors.New("interrupted; everything that was started is stopped")
	}
	return fmt.Errorf("interrupted, and not everything could be undone: %w", left)
}

// ends are what undoes each step, last step first.
type ends []func() error

func (e *ends) add(undo func() error) { *e = append(*e, undo) }

// leaveNone removes in the end those files and empty folders that are not there
// yet. A folder comes before what is in it.
func (e *ends) leaveNone(paths ...string) {
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			e.add(func() error {
				if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTEMPTY) {
					return err
				}
				return nil
			})
		}
	}
}

func (e *ends) run() error {
	var errs []error
	for i := len(*e) - 1; i >= 0; i-- {
		errs = append(errs, (*e)[i]())
	}
	return errors.Join(errs...)
}
