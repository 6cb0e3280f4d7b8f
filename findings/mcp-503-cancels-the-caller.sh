#!/bin/sh
# A 503 for one call of a tool cancels the caller of MCP's Python client.
#
# Versions:  mcp 1.30.0 (the first major version of the SDK, which many pin).
# Expected:  McpError from that call, with the message of the JSON-RPC error in the
#            answer; the next call goes through.
# Behaviour: the call raises asyncio.CancelledError, which is no Exception, so that
#            "except Exception" does not see it. Every later call raises it too. The
#            503 itself comes out of the "async with" around the client, in a group,
#            and the message of the answer nowhere.
# Hurts:     agents whose server is throttled for a moment: the agent's task ends as
#            if somebody had cancelled it. A server has to answer failures with 200.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check mcp==1.30.0
"$work/env/bin/python" - 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import asyncio, json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value=None):
        body = json.dumps(value).encode() if value else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(405)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = {"jsonrpc": "2.0", "id": message.get("id")}
        if "id" not in message:
            self.answer(202)
        elif message["method"] == "initialize":
            self.answer(200, reply | {"result": {"protocolVersion": message["params"]["protocolVersion"],
                                                 "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}})
        elif message["method"] == "tools/call":
            self.answer(503, reply | {"error": {"code": -32000, "message": "Busy. Try again."}})
        else:
            self.answer(200, reply | {"result": {}})


http = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=http.serve_forever, daemon=True).start()
seen = []


async def attempt(name, call):
    try:
        await call
        seen.append((name, "ok"))
    except BaseException as e:
        seen.append((name, type(e).__name__))


async def run():
    try:
        async with streamablehttp_client(f"http://127.0.0.1:{http.server_port}/mcp") as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                await attempt("ping", session.send_ping())
                await attempt("the call that is answered 503", session.call_tool("busy", {}))
                await attempt("ping again", session.send_ping())
    except BaseException as e:
        while isinstance(e, BaseExceptionGroup):
            e = e.exceptions[0]
        seen.append(("around the client", f"{type(e).__name__} {getattr(e, 'response', e)}"))


asyncio.run(asyncio.wait_for(run(), 60))
for name, what in seen:
    print(f"{name}: {what}")
sys.exit([what for _, what in seen] != ["ok", "CancelledError", "CancelledError", "HTTPStatusError <Response [503 Service Unavailable]>"])
P
