#!/usr/bin/env python3
"""Generates clients from the description of the running API, and uses them.

    run.py [client ...]

It starts the local stack on a free port. Each client is generated from what that
answers at /openapi.json, compiled, and uploads two files, reads their sha256 out of
the answer, lists them and deletes them. Everything is installed below
.local/clients, at the versions that the lock files here name. Python 3.11 or newer
is needed, and npm, Maven with a JDK, or Go for the clients that are named for them.
requirements.txt is made as that of .ci/contract.
"""

import hashlib
import importlib.util
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / ".local" / "clients"
PYTHON = WORK / "venv" / "bin" / "python"
BIN = PYTHON.parent
DOCUMENT = WORK / "openapi.json"

sys.dont_write_bytecode = True  # what is imported lies in the repository
spec = importlib.util.spec_from_file_location("contract", ROOT / ".ci" / "contract" / "run.py")
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)
contract.WORK = WORK


def openapi_generator_python(use):
    generated = openapi_generator("python")
    sh(PYTHON, HERE / "python" / "openapi_generator.py", env={**use, "PYTHONPATH": str(generated)})


def openapi_python_client(use):
    python_packages()
    generated = fresh("openapi-python-client")
    sh(BIN / "openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none",
       "--output-path", generated / "client", env={"PATH": f"{BIN}:{os.environ['PATH']}"})  # fmt: skip
    sh(PYTHON, HERE / "python" / "openapi_python_client.py", env={**use, "PYTHONPATH": str(generated)})


def openapi_generator_typescript(use):
    generated = openapi_generator("typescript-fetch", "--additional-properties=importFileExtension=.js")
    typescript("openapi-generator-typescript", use, lambda sources: shutil.copytree(generated, sources / "api"))


def openapi_typescript(use):
    typescript("openapi-typescript", use, lambda sources: sh(
        node_bin("openapi-typescript"), DOCUMENT, "-o", sources / "schema.d.ts"))  # fmt: skip


def hey_api(use):
    typescript("hey-api", use, lambda sources: sh(
        node_bin("openapi-ts"), "-i", DOCUMENT, "-o", sources / "api", "-c", "@hey-api/client-fetch", cwd=WORK))  # fmt: skip


def openapi_generator_java(use):
    generated = openapi_generator("java")
    maven = ["mvn", "--quiet", "--batch-mode", "-Dmaven.test.skip=true"]
    sh(*maven, "compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath", cwd=generated)
    classpath = f"target/classes:{(generated / 'classpath').read_text()}"
    sh("java", "-classpath", classpath, HERE / "java" / "Caller.java", cwd=generated, env=use)


def ogen(use):
    module = fresh("ogen")
    shutil.copytree(HERE / "ogen", module, dirs_exist_ok=True)
    sh("go", "tool", "ogen", "--target", "api", "--package", "api", "--clean", DOCUMENT, cwd=module)
    sh("go", "run", ".", cwd=module, env=use)


# Each with the program that it needs besides Python.
CLIENTS = {
    "openapi-typescript": (openapi_typescript, "npm"),
    "hey-api": (hey_api, "npm"),
    "openapi-generator-typescript": (openapi_generator_typescript, "npm"),
    "openapi-generator-python": (openapi_generator_python, "java"),
    "openapi-generator-java": (openapi_generator_java, "mvn"),
    "openapi-python-client": (openapi_python_client, "python3"),
    "ogen": (ogen, "go"),
}


def main():
    names = sys.argv[1:] or list(CLIENTS)
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed")
    if unknown := set(names) - set(CLIENTS):
        sys.exit(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # by way of what stops the stack
    WORK.mkdir(parents=True, exist_ok=True)
    failed = []
    with contract.local_stack() as (url, key):
        with urllib.request.urlopen(f"{url}/openapi.json", timeout=30) as answer:
            DOCUMENT.write_bytes(answer.read())
        for name in names:
            client, program = CLIENTS[name]
            if not shutil.which(program):
                print(f"{name}: skipped: there is no {program}", flush=True)
                continue
            start = time.monotonic()
            try:
                client({"API": url, "KEY": key, "CONVERSATION": name})
                print(f"{name}: uploads, lists and deletes ({time.monotonic() - start:.0f} s)", flush=True)
            except subprocess.CalledProcessError as error:
                print(f"{name}: FAILED: {error}\n{error.output}", flush=True)
                failed.append(name)
    if failed:
        sys.exit(f"clients: failed: {', '.join(failed)}")


def sh(*command, cwd=None, env=()):
    """Runs a command, whose output is told only if it fails."""
    subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **dict(env)}, check=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def fresh(name):
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def locked(folder, lock):
    """Gives a stamp to write when a folder is made, or nothing where it is of this lock."""
    stamp = folder / "installed"
    want = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    return None if stamp.exists() and stamp.read_text() == want else (stamp, want)


def python_packages():
    lock = HERE / "python" / "requirements.txt"
    if stamp := locked(WORK / "venv", lock):
        venv.create(WORK / "venv", clear=True, with_pip=True)
        sh(PYTHON, "-m", "pip", "--quiet", "install", "--require-hashes", "--only-binary", ":all:", "-r", lock)
        stamp[0].write_text(stamp[1])


def openapi_generator(language, *options):
    python_packages()
    generated = fresh(f"openapi-generator-{language}")
    sh(BIN / "openapi-generator-cli", "generate", "-i", DOCUMENT, "-g", language, "-o", generated, *options)
    return generated


def node_bin(name):
    return WORK / "typescript" / "node_modules" / ".bin" / name


def typescript(name, use, generate):
    """Compiles the caller of this name with what generate puts beside it, and runs it."""
    folder = WORK / "typescript"
    folder.mkdir(exist_ok=True)
    for file in (HERE / "typescript").iterdir():
        shutil.copy(file, folder)
    if stamp := locked(folder, folder / "package-lock.json"):
        sh("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)
        stamp[0].write_text(stamp[1])
    sources = folder / name
    shutil.rmtree(sources, ignore_errors=True)
    sources.mkdir()
    for source in ("common.ts", "tsconfig.json", f"{name}.ts"):
        shutil.copy(HERE / "typescript" / source, sources)
    generate(sources)
    sh(node_bin("tsc"), "--project", sources, cwd=folder)
    sh("node", sources / "out" / f"{name}.js", cwd=folder, env=use)


if __name__ == "__main__":
    main()
