#!/bin/sh
# A client of swagger-typescript-api sends an array of files as the text "[{},{}]".
#
# Versions:  swagger-typescript-api 13.13.0 (its default, fetch), TypeScript 5.9.3.
# Expected:  the method that it generates for a form with "files: File[]" sends each
#            file as a part, as the type of its argument says and as the axios client
#            of the same generator does.
# Behaviour: the array is an object that is no Blob, so it goes through
#            JSON.stringify: one text field, and no byte of any file. It compiles,
#            and a single File is right.
# Hurts:     whoever uploads several files by such a client: a server that stores
#            what it is sent answers 200, with a file of 7 bytes.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node 20"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --prefix "$work" swagger-typescript-api@13.13.0 typescript@5.9.3
cat >api.json <<'J'
{
  "openapi": "3.0.3", "info": {"title": "files", "version": "1"},
  "paths": {"/upload": {"post": {
    "operationId": "upload",
    "requestBody": {"required": true, "content": {"multipart/form-data": {"schema": {
      "type": "object", "required": ["files", "cover"], "properties": {
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
        "cover": {"type": "string", "format": "binary"}}}}}},
    "responses": {"204": {"description": "stored"}}}}}
}
J
npx swagger-typescript-api generate -p api.json -o client -n api.ts >log 2>&1 || { cat log; exit 1; }
cat >client/call.ts <<'T'
import {Api} from "./api";

const api = new Api({
  baseUrl: "http://127.0.0.1",
  customFetch: async (_: unknown, init?: RequestInit) => {
    const parts = [...(init!.body as FormData)].map(([name, value]) => name + ": " + (value instanceof File ? "file " + value.name : "text " + value));
    console.log(parts.join("\n"));
    (globalThis as any).process.exit(parts.includes("files: text [{},{}]") && parts.includes("cover: file c.txt") ? 0 : 1);
    return new Response();
  },
});
api.upload.upload({files: [new File(["one"], "a.txt"), new File(["two"], "b.txt")], cover: new File(["three"], "c.txt")});
T
npx tsc --target es2022 --module commonjs --lib es2022,dom,dom.iterable --skipLibCheck --outDir js client/call.ts
node js/call.js
