// Reads an archive by the library that is named, on standard input while it comes
// unless the library needs the file.
import fs from "node:fs";
import path from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

const [library, out, archive] = process.argv.slice(2);

function place(name) {
  const to = path.join(out, name);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  return to;
}

async function parser(entries) {
  for await (const entry of process.stdin.pipe(entries)) {
    await pipeline(entry, fs.createWriteStream(place(entry.path)));
  }
}

const libraries = {
  async unzipper() {
    const { default: unzipper } = await import("unzipper");
    await parser(unzipper.Parse({ forceStream: true }));
  },
  async "unzip-stream"() {
    const { default: unzip } = await import("unzip-stream");
    const entries = process.stdin.pipe(unzip.Parse());
    const done = [];
    entries.on("entry", (entry) => done.push(pipeline(entry, fs.createWriteStream(place(entry.path)))));
    await new Promise((resolve, reject) => entries.on("close", resolve).on("error", reject));
    await Promise.all(done);
  },
  async fflate() {
    const { Unzip, UnzipInflate } = await import("fflate");
    const unzip = new Unzip((file) => {
      const to = fs.openSync(place(file.name), "w");
      file.ondata = (error, chunk, final) => {
        if (error) throw error;
        fs.writeSync(to, chunk);
        if (final) fs.closeSync(to);
      };
      file.start();
    });
    unzip.register(UnzipInflate);
    for await (const chunk of process.stdin) unzip.push(chunk);
    unzip.push(new Uint8Array(0), true);
  },
  async "zip.js"() {
    const { ZipReaderStream } = await import("@zip.js/zip.js");
    for await (const entry of Readable.toWeb(process.stdin).pipeThrough(new ZipReaderStream())) {
      await entry.readable.pipeTo(Writable.toWeb(fs.createWriteStream(place(entry.filename))));
    }
  },
  async yauzl() {
    const { default: yauzl } = await import("yauzl");
    await new Promise((resolve, reject) => {
      yauzl.open(archive, { lazyEntries: true }, (error, zip) => {
        if (error) return reject(error);
        zip.on("error", reject).on("end", resolve).on("entry", (entry) => {
          zip.openReadStream(entry, (failed, stream) => {
            if (failed) return reject(failed);
            pipeline(stream, fs.createWriteStream(place(entry.fileName))).then(() => zip.readEntry(), reject);
          });
        });
        zip.readEntry();
      });
    });
  },
};

await libraries[library]();
