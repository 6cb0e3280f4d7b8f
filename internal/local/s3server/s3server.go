// Package s3server runs a real S3 server for the local stack: versitygw on a
// folder of files, as a child process behind a relay.
package s3server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"uploadfiles/internal/local/process"
)

// Options say how to run the server. Program, Dir, Bucket and AWS are required.
type Options struct {
	Program string     // path of versitygw, from [Build]
	Dir     string     // the server's files: objects, log and process id
	Port    int        // on 127.0.0.1; zero means any that is free
	Bucket  string     // made when it is missing
	AWS     aws.Config // region and the root user's credentials
	Origins []string   // whose pages may use presigned URLs; none means no page

	// Notify is told what a user should know, such as that the server died and
	// is started again. Nil means nobody is told.
	Notify func(format string, args ...any)
}

// Server is a running S3 server.
type Server struct {
	Endpoint string // such as http://127.0.0.1:7070
	Port     int    // in Endpoint

	process *process.Process
	relay   *relay
	socket  string // in a folder of its own
	log     *os.File
	close   sync.Once
}

// startTime is how long the server may take to its first answer.
const startTime = 15 * time.Second

// Start starts the server and returns when its bucket can be used. An error
// that is syscall.EADDRINUSE says that another process has the port.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Notify == nil {
		o.Notify = func(string, ...any) {}
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.Port)))
	if err != nil {
		return nil, err
	}
	s := &Server{
		Endpoint: "http://" + listener.Addr().String(),
		Port:     listener.Addr().(*net.TCPAddr).Port,
	}
	if err := s.start(ctx, listener, o); err != nil {
		listener.Close()
		s.Close()
		return nil, fmt.Errorf("start the S3 server: %w", err)
	}
	return s, nil
}

// Close ends the server and returns when its process is gone.
func (s *Server) Close() {
	s.close.Do(func() {
		if s.relay != nil {
			s.relay.close()
		}
		if s.process != nil {
			s.process.Stop()
		}
		if s.socket != "" {
			os.RemoveAll(filepath.Dir(s.socket))
		}
		if s.log != nil {
			s.log.Close()
		}
	})
}

func (s *Server) start(ctx context.Context, listener net.Listener, o Options) error {
	root, err := o.AWS.Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	layout, err := prepare(o.Dir)
	if err != nil {
		return err
	}
	if s.log, err = openLog(layout.log); err != nil {
		return err
	}
	// A socket's path must be short (104 bytes on macOS); that of Dir need not be.
	private, err := os.MkdirTemp("", "upload-files-")
	if err != nil {
		return err
	}
	if s.socket, err = filepath.Abs(filepath.Join(private, "s3")); err != nil {
		return err
	}

	ended := make(chan error, 1)
	s.process, err = process.Start(process.Options{
		Command: func() *exec.Cmd { return command(o, layout, s.socket, root, s.log) },
		PIDFile: layout.pid,
		Ended: func(how error, wait time.Duration) {
			select {
			case ended <- how:
			default:
			}
			o.Notify("The S3 server ended (%v). Starting it again in %s; uploads get 503 until it runs.", how, wait)
		},
	})
	if err != nil {
		return err
	}
	if err := s.awaitServer(ctx, ended, layout.log); err != nil {
		return err
	}
	s.relay = newRelay(listener, s.socket)
	return makeBucket(ctx, s3.NewFromConfig(o.AWS, func(c *s3.Options) {
		c.BaseEndpoint = &s.Endpoint
		c.UsePathStyle = true
	}), o)
}

// command takes its settings from the environment, where other users of the
// machine cannot read the secret key, and nothing else from there.
func command(o Options, l layout, socket string, root aws.Credentials, log *os.File) *exec.Cmd {
	cmd := exec.Command(o.Program, "posix")
	if l.sidecar != "" {
		cmd.Args = append(cmd.Args, "--sidecar", l.sidecar)
	}
	cmd.Args = append(cmd.Args, l.data)
	cmd.Env = []string{
		"ROOT_ACCESS_KEY_ID=" + root.AccessKeyID,
		"ROOT_SECRET_ACCESS_KEY=" + root.SecretAccessKey,
		"VGW_REGION=" + o.AWS.Region,
		"VGW_PORT=" + socket,
		"VGW_QUIET=true",
		"VGW_KEEP_ALIVE=true",
	}
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

// layout names the server's files.
type layout struct {
	data    string // buckets
	sidecar string // what S3 keeps with objects; empty means in the objects' own attributes
	log     string
	pid     string
}

// prepare makes the folders. A folder that once began with a sidecar goes on
// with it: its objects have their attributes nowhere else.
func prepare(dir string) (layout, error) {
	l := layout{
		data: filepath.Join(dir, "s3"),
		log:  filepath.Join(dir, "log", "versitygw.log"),
		pid:  filepath.Join(dir, "versitygw.pid"),
	}
	for _, d := range []string{l.data, filepath.Dir(l.log)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return layout{}, err
		}
	}
	sidecar := filepath.Join(dir, "sidecar")
	if _, err := os.Stat(sidecar); err == nil {
		l.sidecar = sidecar
		return l, nil
	}
	if keepsAttributes(l.data) {
		return l, nil
	}
	l.sidecar = sidecar
	return l, os.Mkdir(sidecar, 0o700)
}

// maxLog is the size in bytes at which a start begins a new log.
const maxLog = 10 << 20

func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// awaitServer returns when the server listens.
func (s *Server) awaitServer(ctx context.Context, ended <-chan error, log string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if conn, err := net.Dial("unix", s.socket); err == nil {
			return conn.Close()
		}
		select {
		case how := <-ended:
			return fmt.Errorf("it ended (%w); its log is %s", how, log)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer; its log is %s: %w", log, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// makeBucket makes the bucket unless it is there, and sets who may use it from
// a page.
func makeBucket(ctx context.Context, client *s3.Client, o Options) error {
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &o.Bucket})
	var owned *types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return err
	}
	if len(o.Origins) == 0 {
		_, err = client.DeleteBucketCors(ctx, &s3.DeleteBucketCorsInput{Bucket: &o.Bucket})
		return err
	}
	_, err = client.PutBucketCors(ctx, &s3.PutBucketCorsInput{
		Bucket:            &o.Bucket,
		CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{CORSRule(o.Origins)}},
	})
	return err
}

// CORSRule is the rule by which pages of these origins may use presigned URLs. It
// is that of template.yaml, so that what a browser refuses on AWS it refuses here.
func CORSRule(origins []string) types.CORSRule {
	return types.CORSRule{
		AllowedOrigins: origins,
		AllowedMethods: []string{"GET", "HEAD", "PUT", "POST", "DELETE"},
		AllowedHeaders: []string{
			"content-disposition", "content-type", "if-none-match", "range", "x-amz-checksum-sha256",
			"x-amz-meta-crc32", "x-amz-meta-sha256", "x-amz-mp-object-size", "x-session-api-key",
		},
		ExposeHeaders: []string{"Content-Disposition", "ETag"},
		MaxAgeSeconds: aws.Int32(7200),
	}
}
