#!/usr/bin/env python3
"""Tests the running API against its own description with Schemathesis.

It starts the local stack on a free port, sends what the description allows and
what it forbids, and fails where an answer is not as described. For requests that
need others before them, hooks.py sends those. It takes two to four minutes, and
Python 3.11 or newer; Schemathesis and what it needs are
installed into .local/contract, at the versions of requirements.txt. That file
is made from requirements.in by

    uv pip compile --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate requirements.in
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / ".local" / "contract"

START_SECONDS = 600  # a first start builds the S3 server
STOP_SECONDS = 20
TEST_SECONDS = 100


def main():
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed")
    for number in ENDING:
        signal.signal(number, interrupt)
    schemathesis = install()
    with local_stack() as (url, key):
        sys.exit(run(schemathesis, url, key))


ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


def interrupt(*_):
    """Ends the program by way of what stops the stack, which no second signal disturbs."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit("contract: interrupted; everything that was started is stopped")


def install():
    """Returns the command of Schemathesis, installed when its lock has changed."""
    requirements = HERE / "requirements.txt"
    environment = WORK / "venv"
    stamp = environment / "installed"
    want = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != want:
        venv.create(environment, clear=True, with_pip=True)
        pip = [environment / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run(
            [*pip, "install", "--require-hashes", "--only-binary", ":all:", "-r", requirements], check=True
        )
        stamp.write_text(want)
    return environment / "bin" / "schemathesis"


@contextlib.contextmanager
def local_stack():
    """Gives the URL and a session key of a new local stack that ends with the block."""
    port, s3_port = free_ports(2)
    directory = WORK / "stack"
    shutil.rmtree(directory, ignore_errors=True)
    log = WORK / "stack.log"
    with log.open("wb") as output:
        stack = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), "S3_PORT": str(s3_port), "LOCAL_DIR": str(directory)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://localhost:{port}", wait_for_key(stack, log)
    finally:
        stop(stack)


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


def wait_for_key(stack, log):
    """Takes the session key out of the curl line that the stack prints when it is ready."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and stack.poll() is None:
        found = re.search(r"curl .*X-Session-API-Key: ([^\s'\"]+)", log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.2)
    sys.exit(f"the local stack did not start:\n{log.read_text(errors='replace')}")


def stop(stack):
    """Ends the stack as Ctrl-C does, and what is left of it after that."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(stack.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            stack.wait(STOP_SECONDS)
        os.killpg(stack.pid, signal.SIGKILL)
    stack.wait()


def run(schemathesis, url, key):
    """Returns the exit status of Schemathesis, which prints what it finds."""
    command = [
        schemathesis, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json",
        "--header", f"X-Session-API-Key: {key}",
        "--continue-on-failure",
        "--max-time", str(TEST_SECONDS),
        "--request-timeout", "30",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "CONTRACT_URL": url,
        "CONTRACT_KEY": key,
        "PYTHONDONTWRITEBYTECODE": "1",  # the hooks lie in the repository
    }
    # It keeps what it has found in the folder that it runs in.
    return subprocess.run(command, cwd=WORK, env=environment, timeout=3 * TEST_SECONDS).returncode


if __name__ == "__main__":
    main()
