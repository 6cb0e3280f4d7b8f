package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"uploadfiles/internal/proof/bench/runtimeapi"
)

// startLimit is how long a contender may take to its first poll, as on Lambda
// (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
const startLimit = 10 * time.Second

// invokeLimit is longer than any invocation takes.
const invokeLimit = 30 * time.Second

// process is a contender's process that polls for events.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
	api   *runtimeapi.Server
	log   string        // a file
	start time.Duration // from the start to the first poll
}

// startProcess returns when the process asks for its first event. What it prints
// goes to the file log.
func startProcess(ctx context.Context, p program, env []string, log string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the process has it
	api, err := runtimeapi.Start()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Env = append(append(env, p.env...), "AWS_LAMBDA_RUNTIME_API="+api.Addr())
	cmd.Stdout, cmd.Stderr = out, out
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, api.Close())
	}
	running := &process{cmd: cmd, ended: make(chan struct{}), api: api, log: log}
	go running.watch() // until stop
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	polled, err := api.WaitPoll(ctx)
	if err != nil {
		err = running.explain(err)
		return nil, errors.Join(err, running.stop())
	}
	running.start = polled.Sub(begin)
	return running, nil
}

// watch lets nobody wait for a process that is gone.
func (p *process) watch() {
	defer close(p.ended)
	if err := p.cmd.Wait(); err != nil {
		p.api.Abort(fmt.Errorf("the process ended: %w", err))
		return
	}
	p.api.Abort(errors.New("the process ended"))
}

func (p *process) invoke(ctx context.Context, event []byte) ([]byte, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, invokeLimit)
	defer cancel()
	answer, took, err := p.api.Invoke(ctx, event)
	if err != nil {
		err = p.explain(err)
	}
	return answer, took, err
}

// explain adds the end of what the process printed.
func (p *process) explain(err error) error {
	const most = 2000
	said, _ := os.ReadFile(p.log)
	said = bytes.TrimSpace(said)
	return fmt.Errorf("%w\n%s", err, said[max(0, len(said)-most):])
}

// stop kills the process, which may have ended already, and returns when it is
// gone.
func (p *process) stop() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.ended
	return errors.Join(err, p.api.Close())
}

func (p *process) cpu() (time.Duration, error) { return cpuTime(p.cmd.Process.Pid) }

func (p *process) peak() (int64, error) { return peakMemory(p.cmd.Process.Pid) }
