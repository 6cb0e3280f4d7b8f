#!/bin/sh
# Every form of every client of openapi-python-client has the boundary "+++".
#
# Versions:  openapi-python-client 0.29.1, httpx 0.28.1.
# Expected:  a boundary that does not occur in the files, by chance or by looking, as
#            RFC 2046 (5.1.1) asks; httpx draws 32 random digits where one lets it.
# Behaviour: the generator writes "boundary=+++" into each method, and httpx takes it.
#            A file with the line "--+++" is cut there.
# Hurts:     uploads of texts about forms: recorded requests, tests, this script. The
#            file is stored short, and the rest is a part of its own.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

python3 -m venv env
env/bin/pip install -q --disable-pip-version-check openapi-python-client==0.29.1 httpx==0.28.1
cat >api.json <<'J'
{
  "openapi": "3.1.0", "info": {"title": "finding", "version": "1"},
  "paths": {"/upload": {"post": {
    "operationId": "upload",
    "requestBody": {"required": true, "content": {"multipart/form-data": {"schema": {
      "type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}}}},
    "responses": {"204": {"description": "stored"}}}}}
}
J
PATH=$work/env/bin:$PATH env/bin/openapi-python-client generate --path api.json --meta none --output-path client >log 2>&1 || { cat log; exit 1; }
env/bin/python - <<'P'
import email, io, sys
import httpx
from client.api.default import upload
from client.models import UploadBody
from client.types import File

held = True
for text in b"first line\r\nlast line", b"first line\r\n--+++\r\nlast line":
    body = UploadBody(file=File(payload=io.BytesIO(text), file_name="a.txt", mime_type="text/plain"))
    request = httpx.Request(**upload._get_kwargs(body=body) | {"url": "http://127.0.0.1/"})
    kind = request.headers["Content-Type"]
    form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.read())
    parts = [part.get_payload(decode=True) for part in form.get_payload()]
    print(f"{kind}: the file {text!r} is read as {parts}")
    held = held and kind.endswith("boundary=+++") and (parts == [text]) == (b"+++" not in text)
sys.exit(not held)
P
