#!/bin/sh
# An MCP tool that tells its progress can not give a large answer.
#
# Versions:  mcp 2.3.0 (the Python SDK), on both sides.
# Expected:  what a tool may answer does not depend on whether it has reported
#            progress before.
# Behaviour: without progress the SDK's server answers as JSON, which its client
#            takes at any size. With the first report the answer becomes a stream of
#            events, of which the client takes 1 MiB each: the same tool with the same
#            answer of 1.1 MB fails with "SSE stream failed".
# Hurts:     tools that read files: 768 KiB in base64 are over the limit, and the
#            friendlier tool is the one that breaks. max_sse_event_size of the
#            transport moves the limit, where one can reach it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check mcp==2.3.0 uvicorn==0.54.0
"$work/env/bin/python" - 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import asyncio, socket, sys, threading, time
import uvicorn
from mcp.client.client import Client
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("files")


@server.tool(structured_output=False)
async def read(size: int, progress: bool, context: Context) -> str:
    if progress:
        await context.report_progress(1, 2)
    return "x" * size


async def shown(*progress):
    pass


async def call(url, size, progress):
    try:
        async with Client(url) as client:
            arguments = {"size": size, "progress": progress}
            answer = await asyncio.wait_for(client.call_tool("read", arguments, progress_callback=shown), 60)
            return f"{len(answer.content[0].text)} bytes"
    except Exception as e:
        while isinstance(e, BaseExceptionGroup):
            e = e.exceptions[0]
        return f"{type(e).__name__}: {e}"


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
http = uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error"))
threading.Thread(target=http.run, args=([listener],), daemon=True).start()
while not http.started:
    time.sleep(0.05)
url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
held = True
for size in 900_000, 1_100_000:
    for progress in False, True:
        got = asyncio.run(call(url, size, progress))
        print(f"answer of {size} bytes, {'with' if progress else 'without'} progress: {got}")
        held = held and (got == f"{size} bytes") == (size < 1 << 20 or not progress)
sys.exit(not held)
P
