#!/bin/sh
# The AI SDK hands a model an image of an MCP tool as a file, and a file as text.
#
# Versions:  @ai-sdk/mcp 2.0.99.
# Expected:  an embedded resource with a type and a blob, which is how MCP gives a
#            file, becomes a file part of the model's message, as an image does.
# Behaviour: an image becomes {"type":"file"}; a PDF becomes a text part, the JSON of
#            the resource with all its base64.
# Hurts:     who lets a model read documents by MCP: it sees no document, and pays
#            for every character of the base64, a million for a file of 768 KiB.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node 20"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --prefix "$work" @ai-sdk/mcp@2.0.99
cat >call.mjs <<'J'
import http from "node:http";
import {createMCPClient} from "@ai-sdk/mcp";

const blob = Buffer.from("%PDF-1.7 and so on").toString("base64");
const contents = {
  image: {type: "image", mimeType: "image/png", data: blob},
  document: {type: "resource", resource: {uri: "file:///a.pdf", mimeType: "application/pdf", blob}},
};
const results = {
  initialize: p => ({protocolVersion: p.protocolVersion, capabilities: {tools: {}}, serverInfo: {name: "s", version: "1"}}),
  "tools/list": () => ({tools: Object.keys(contents).map(name => ({name, inputSchema: {type: "object"}}))}),
  "tools/call": p => ({content: [contents[p.name]]}),
};
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", d => body += d).on("end", () => {
    if (request.method !== "POST") return response.writeHead(405).end();
    const {id, method, params} = JSON.parse(body);
    if (id === undefined) return response.writeHead(202).end();
    const answer = method in results ? {result: results[method](params)} : {error: {code: -32601, message: "Method not found"}};
    response.writeHead(200, {"Content-Type": "application/json"}).end(JSON.stringify({jsonrpc: "2.0", id, ...answer}));
  });
});
await new Promise(listening => server.listen(0, "127.0.0.1", listening));
const client = await createMCPClient({transport: {type: "http", url: `http://127.0.0.1:${server.address().port}/mcp`}});
const tools = await client.tools();
const part = {};
for (const name of Object.keys(contents)) {
  const call = {toolCallId: "1", input: {}};
  const output = await tools[name].execute({}, {toolCallId: "1", messages: []});
  part[name] = (await tools[name].toModelOutput({...call, output})).value[0];
  console.log(`${name}: ${JSON.stringify(part[name])}`);
}
process.exit(part.image.type === "file" && part.document.type === "text" && part.document.text.includes(blob) ? 0 : 1);
J
node call.mjs
