import hashlib
import os

API, KEY, CONVERSATION = (os.environ[name] for name in ("API", "KEY", "CONVERSATION"))
CONTENTS = {"first.txt": b"the first file\n", "второй.txt": b"the second file\n"}


def expect_stored(files):
    """Holds an answer's files against what was sent."""
    got = {f.name: f.sha256 for f in files}
    want = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    assert got == want, f"stored {got}, want {want}"


def expect_listed(files, want):
    got = sorted(f.name for f in files)
    assert got == sorted(want), f"listed {got}, want {want}"
