#!/bin/sh
# libsoup 3 leaves quotation marks and semicolons in filename* as they are.
#
# Versions:  libsoup 3.2.3 (Debian 12, libsoup-3.0-0), by its C interface.
# Expected:  in filename*=UTF-8''… all but letters, digits and a few marks is
#            percent-encoded (RFC 8187), ";" above all, as it ends the parameter.
# Behaviour: a name that is not ASCII goes into filename* alone, and of it only the
#            space and what is not ASCII are encoded: filename*=UTF-8''%C3%9C;b.txt,
#            which a reader takes for the name "Ü". Quotation marks stay as well. An
#            ASCII name goes into filename="…" and is right.
# Hurts:     programs of GNOME and WebKitGTK that upload such a file: it arrives under
#            a cut name, and its extension, with that its type, is lost.
set -eu
command -v apt-get >/dev/null || { echo "SKIPPED: needs Debian 12"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

apt-get download libsoup-3.0-0=3.2.3-0+deb12u2 libglib2.0-0 libpsl5 libnghttp2-14 libbrotli1 libsqlite3-0 libpcre2-8-0 libffi8 \
	libmount1 libblkid1 libselinux1 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 \
	>log 2>&1 || { cat log; echo "SKIPPED: needs the package lists of Debian 12 (apt-get update)"; exit 77; }
for package in *.deb; do dpkg -x "$package" root; done
cat >send.py <<'P'
import ctypes, re, sys

soup, glib = ctypes.CDLL("libsoup-3.0.so.0"), ctypes.CDLL("libglib-2.0.so.0")


def function(library, name, result, *arguments):
    f = getattr(library, name)
    f.restype, f.argtypes = result, arguments
    return f


p, s = ctypes.c_void_p, ctypes.c_char_p
form = function(soup, "soup_multipart_new", p, s)(b"multipart/form-data")
nothing = function(glib, "g_bytes_new", p, s, ctypes.c_size_t)(b"text", 4)
for name in sys.argv[1:]:
    function(soup, "soup_multipart_append_form_file", None, p, s, s, s, p)(form, b"files", name.encode(), b"text/plain", nothing)
headers = function(soup, "soup_message_headers_new", p, ctypes.c_int)(0)
body = p()
function(soup, "soup_multipart_to_message", None, p, p, ctypes.POINTER(p))(form, headers, ctypes.byref(body))
size = ctypes.c_size_t()
data = function(glib, "g_bytes_get_data", p, p, ctypes.POINTER(ctypes.c_size_t))(body, ctypes.byref(size))
for line in re.findall(rb"Content-Disposition: (.*)\r\n", ctypes.string_at(data, size.value)):
    print(line.decode())
P
LD_LIBRARY_PATH=$(find "$PWD/root" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:) python3 send.py 'Ü;b.txt' 'Ü "q".txt' 'a;b.txt' | tee seen
grep -qF "filename*=UTF-8''%C3%9C;b.txt" seen && grep -qF "filename*=UTF-8''%C3%9C%20\"q\".txt" seen && grep -qF 'filename="a;b.txt"' seen
