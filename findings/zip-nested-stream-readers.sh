#!/bin/sh
# Three streaming readers of zip take the descriptor of an inner zip for the end of
# the outer file.
#
# Versions:  unzipper 0.12.5, fflate 0.8.3, zip-iterator 3.3.0.
# Expected:  a zip that was written to a pipe (sizes behind the data, method
#            "stored") with a zip in it that was written so too: its right files,
#            or an error, as a descriptor behind stored data has no sure end.
# Behaviour: the readers look for the descriptor's signature and believe the first
#            one, which is the inner zip's. unzipper and fflate's stream give a
#            short file, zip-iterator leaves out what follows; none reports an
#            error. fflate's reader of whole archives is right.
# Hurts:     who unpacks backups and chat exports while they arrive: .zip, .jar and
#            .docx in them are cut, and nobody is told.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --prefix "$work" unzipper@0.12.5 fflate@0.8.3 zip-iterator@3.3.0
python3 - <<'P'
import io, zipfile

class Pipe(io.RawIOBase):
    """A target that cannot seek, so that zipfile writes descriptors."""
    def __init__(self): self.data = b""
    def writable(self): return True
    def write(self, b): self.data += bytes(b); return len(b)

def archive(files):
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as z:
        for name, data in files:
            z.writestr(name, data)
    return pipe.data

inner = archive([("one.txt", b"1" * 100), ("two.txt", b"2" * 100)])
for name, data in ("plain", b"0" * len(inner)), ("nested", inner):
    open(name, "wb").write(archive([("first.txt", b"first"), ("inner", data), ("last.txt", b"last")]))
P
cat >read.js <<'J'
const fs = require("fs"), {Readable} = require("stream"), fflate = require("fflate");
const stream = bytes => Readable.from([bytes]);
const readers = {
  async "unzipper Parse"(bytes, files) {
    for await (const e of stream(bytes).pipe(require("unzipper").Parse({forceStream: true})))
      files[e.path] = (await e.buffer()).length;
  },
  async "fflate Unzip"(bytes, files) {
    const unzip = new fflate.Unzip(f => {
      files[f.name] = 0;
      f.ondata = (err, data) => { if (err) throw err; files[f.name] += data.length; };
      f.start();
    });
    unzip.register(fflate.UnzipInflate);
    unzip.push(bytes, true);
  },
  async "zip-iterator"(bytes, files) {
    const ZipIterator = require("zip-iterator").default ?? require("zip-iterator");
    for await (const e of new ZipIterator(stream(bytes))) {
      await e.create("out", {now: new Date(), force: true});
      files[e.path] = fs.statSync("out/" + e.path).size;
    }
  },
  async "fflate unzipSync"(bytes, files) {
    for (const [name, data] of Object.entries(fflate.unzipSync(bytes))) files[name] = data.length;
  },
};
(async () => {
  let held = true;
  for (const archive of ["plain", "nested"]) {
    const bytes = fs.readFileSync(archive);
    const right = JSON.stringify({"first.txt": 5, inner: 434, "last.txt": 4});
    console.log(archive.padEnd(17), right);
    for (const [name, read] of Object.entries(readers)) {
      const files = {};
      let error = "no error";
      try { await read(bytes, files); } catch (e) { error = e.message; }
      const got = JSON.stringify(files);
      console.log(" ", name.padEnd(17), got, error);
      held &&= error === "no error" && (got === right) === (archive === "plain" || name === "fflate unzipSync");
    }
  }
  process.exit(held ? 0 : 1);
})();
J
node read.js
