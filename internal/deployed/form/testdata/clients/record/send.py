"""Sends the files of a folder: send.py <client> <address> <folder>."""
import asyncio
import pathlib
import sys


def send_requests(address, paths):
    import requests

    files = [("files", (p.name, p.read_bytes())) for p in paths]
    requests.post(f"{address}/requests/{requests.__version__}", files=files).raise_for_status()


def send_httpx(address, paths):
    import httpx

    files = [("files", (p.name, p.read_bytes())) for p in paths]
    httpx.post(f"{address}/httpx/{httpx.__version__}", files=files).raise_for_status()


def send_aiohttp(address, paths):
    import aiohttp

    async def send():
        form = aiohttp.FormData()
        for p in paths:
            form.add_field("files", p.read_bytes(), filename=p.name)
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            await session.post(f"{address}/aiohttp/{aiohttp.__version__}", data=form)

    asyncio.run(send())


client, address, folder = sys.argv[1:]
globals()[f"send_{client}"](address, sorted(pathlib.Path(folder).iterdir()))
