"""Writes the files that every client sends, then every form that it receives.

A client posts to /<client>/<version>. GET answers an empty page, for browsers.
"""
import base64
import http.server
import json
import pathlib
import sys

FILES = {
    "plain.txt": b"hello\n",
    "empty.txt": b"",
    "two words.txt": b"space",
    "Übergröße.txt": b"umlaut",
    "日本語.txt": b"Japanese",
    'say "hi".txt': b"quote",
    "back\\slash.txt": b"backslash",
    "binary.bin": bytes(range(256)) + b"\r\n--\r\n------\r\n\r\n--",
}

recordings, files = map(pathlib.Path, sys.argv[1:])
files.mkdir(parents=True, exist_ok=True)
for name, content in FILES.items():
    (files / name).write_bytes(content)


class Recorder(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        _, client, version = self.path.split("/")
        recording = {
            "client": client,
            "version": version,
            "content_type": self.headers["Content-Type"],
            "body_base64": base64.b64encode(self.body()).decode(),
        }
        path = recordings / f"{client}.json"
        path.write_text(json.dumps(recording, indent=1) + "\n")
        self.send_response(204)
        self.end_headers()

    def body(self):
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
