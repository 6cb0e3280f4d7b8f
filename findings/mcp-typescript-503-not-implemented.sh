#!/bin/sh
# MCP's TypeScript client gives every refusal by HTTP the code "not implemented".
#
# Versions:  @modelcontextprotocol/client 2.4.0.
# Expected:  an error whose code tells a busy server from one that lacks something.
# Behaviour: for 404, 413, 429, 500 and 503 alike the code of the SdkHttpError is
#            CLIENT_HTTP_NOT_IMPLEMENTED. Only its status and its text differ.
# Hurts:     who decides by error.code whether to try again, as one does in Node: the
#            busy server is given up for one without the method.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node 20"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --prefix "$work" @modelcontextprotocol/client@2.4.0
cat >call.mjs <<'J'
import http from "node:http";
import {Client, StreamableHTTPClientTransport} from "@modelcontextprotocol/client";

const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", d => body += d).on("end", () => {
    const answer = (status, value) => response.writeHead(status, {"Content-Type": "application/json"}).end(JSON.stringify(value));
    if (request.method !== "POST") return answer(405);
    const {id, method, params} = JSON.parse(body);
    if (id === undefined) return answer(202);
    if (method === "tools/call") return answer(Number(params.name), {detail: "why it is refused"});
    answer(200, {jsonrpc: "2.0", id, result: {
      protocolVersion: params.protocolVersion, capabilities: {tools: {}}, serverInfo: {name: "s", version: "1"}}});
  });
});
await new Promise(listening => server.listen(0, "127.0.0.1", listening));
const client = new Client({name: "finding", version: "1"});
await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${server.address().port}/mcp`)));
let held = true;
for (const status of [404, 413, 429, 500, 503]) {
  const e = await client.callTool({name: String(status), arguments: {}}).catch(e => e);
  console.log(`${status}: ${e.constructor.name}, code ${e.code}, status ${e.status}`);
  held &&= e.code === "CLIENT_HTTP_NOT_IMPLEMENTED" && e.status === status;
}
process.exit(held ? 0 : 1);
J
node call.mjs
