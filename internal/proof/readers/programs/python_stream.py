# Reads the archive on standard input while it comes.
import os, sys
from stream_unzip import stream_unzip


def chunks():
    while chunk := sys.stdin.buffer.read(65536):
        yield chunk


for name, _, content in stream_unzip(chunks()):
    path = os.path.join(sys.argv[1], name.decode())
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for chunk in content:
            file.write(chunk)
