#!/bin/sh
# One call of an MCP tool by LangChain is four requests, and the last of them lists
# the tools after the call.
#
# Versions:  langchain-mcp-adapters 0.3.2, mcp 1.30.0, uvicorn 0.54.0.
# Expected:  get_tools() connects and lists; a call of a tool is one tools/call, or
#            at the most a new connection and the call.
# Behaviour: each call is initialize, notifications/initialized, tools/call and then
#            tools/list, as the SDK wants the schema of an answer that it has already.
#            In a session that one opens oneself, three calls are three requests.
# Hurts:     servers that pay per request, such as functions: four times the price
#            and the latency, and a list that has to be as cheap as a ping.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check langchain-mcp-adapters==0.3.2 mcp==1.30.0 uvicorn==0.54.0
"$work/env/bin/python" - 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import asyncio, json, socket, sys, threading, time
import uvicorn
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.server.fastmcp import FastMCP

server = FastMCP("files", stateless_http=True, json_response=True)


@server.tool()
def size(name: str) -> int:
    return len(name)


asked = []
app = server.streamable_http_app()


async def recorded(scope, receive, send):
    async def listened():
        message = await receive()
        if message.get("body"):
            asked.append(json.loads(message["body"])["method"])
        return message
    await app(scope, listened, send)


def since():
    now = asked[:]
    asked.clear()
    return now


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
http = uvicorn.Server(uvicorn.Config(recorded, log_level="error"))
threading.Thread(target=http.run, args=([listener],), daemon=True).start()
while not http.started:
    time.sleep(0.05)


async def run():
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
    client = MultiServerMCPClient({"files": {"url": url, "transport": "streamable_http"}})
    tool, = await client.get_tools()
    since()
    calls = []
    for _ in range(2):
        await tool.ainvoke({"name": "a.txt"})
        calls.append(since())
        print("a call:", *calls[-1])
    async with client.session("files") as session:
        tool, = await load_mcp_tools(session)
        since()
        for _ in range(3):
            await tool.ainvoke({"name": "a.txt"})
        own = since()
        print("three calls in a session of one's own:", *own)
    four = ["initialize", "notifications/initialized", "tools/call", "tools/list"]
    return calls == [four, four] and own == ["tools/call"] * 3


sys.exit(not asyncio.run(run()))
P
