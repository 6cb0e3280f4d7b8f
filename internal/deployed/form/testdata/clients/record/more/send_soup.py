"""Sends the files of a folder by libsoup 3: send_soup.py <address> <folder>."""
import pathlib
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib, Soup

address, folder = sys.argv[1:]
form = Soup.Multipart.new("multipart/form-data")
for path in sorted(pathlib.Path(folder).iterdir()):
    form.append_form_file("files", path.name, "application/octet-stream", GLib.Bytes.new(path.read_bytes()))
version = f"{Soup.get_major_version()}.{Soup.get_minor_version()}.{Soup.get_micro_version()}"
message = Soup.Message.new_from_multipart(f"{address}/libsoup/{version}", form)
Soup.Session().send_and_read(message, None)
assert message.get_status() == Soup.Status.NO_CONTENT
