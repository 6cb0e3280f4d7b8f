"""Writes forms, and how the reference (Starlette with python-multipart) reads each.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_cases.py > ../cases.jsonl
    .venv/bin/python make_cases.py --random 20000 --seed 1 > random.jsonl
    go test ../.. -run ReadsAsTheReference -cases "$PWD/random.jsonl"

A line is {"name", "content_type", "body_base64", "reference"}. The reference is
{"error"} with the text of its answer, or {"parts"}: name and text of a field; name,
filename, content_type, size and sha256 of a file. With --random the forms are valid
ones, changed a few times at random.
"""
import argparse
import asyncio
import base64
import hashlib
import json
import logging
import random

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

logging.disable()

B = b"----b0undary"
FORM = b"multipart/form-data; boundary=" + B
UNPARSED = "There was an error parsing the body"


async def read(content_type, body):
    kind, _ = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return {"error": "not a form"}

    async def stream():
        yield body

    headers = Headers(raw=[(b"content-type", content_type)])
    try:
        form = await MultiPartParser(headers, stream()).parse()
    except MultiPartException as error:
        return {"error": error.message}
    except Exception:  # as FastAPI does
        return {"error": UNPARSED}
    return {"parts": [await describe(name, value) for name, value in form.multi_items()]}


async def describe(name, value):
    if isinstance(value, str):
        return {"name": name, "text": value}
    data = await value.read()
    return {
        "name": name,
        "filename": value.filename,
        "content_type": value.content_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def write(name, body, content_type=FORM):
    print(json.dumps({
        "name": name,
        "content_type": content_type.decode("latin-1"),
        "body_base64": base64.b64encode(body).decode(),
        "reference": asyncio.run(read(content_type, body)),
    }, ensure_ascii=False))


def part(*headers, content=b"1"):
    return b"--" + B + b"\r\n" + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + content + b"\r\n"


def disposition(value, content=b"1"):
    return part(b"Content-Disposition: " + value, content=content)


def file(name=b"a.txt", content=b"1", *headers):
    value = b'form-data; name="files"; filename="' + name + b'"'
    return part(b"Content-Disposition: " + value, *headers, content=content)


END = b"--" + B + b"--\r\n"

# The value of Content-Disposition
DISPOSITIONS = {
    "spaces around semicolons": b'form-data ; name="files" ; filename="a.txt" ',
    "no spaces": b'form-data;name="files";filename="a.txt"',
    "tabs between parameters": b'form-data;\tname="files";\tfilename="a.txt"',
    "spaces around equals": b'form-data; name = "files"; filename = "a.txt"',
    "parameters in capitals": b'FORM-DATA; NAME="files"; FileName="a.txt"',
    "another type": b'attachment; name="files"; filename="a.txt"',
    "no type": b'; name="files"; filename="a.txt"',
    "a parameter in place of the type": b'name="files"; filename="a.txt"',
    "semicolon at the end": b'form-data; name="files"; filename="a.txt";',
    "empty parameters": b'form-data;; name="files";;; filename="a.txt"',
    "comma between parameters": b'form-data; name="files", filename="a.txt"',
    "filename first": b'form-data; filename="a.txt"; name="files"',
    "unknown parameters": b'form-data; size=3; name="files"; x-y; filename="a.txt"; creation-date="now"',
    "unquoted name with a space": b"form-data; name=files; filename=my file.txt",
    "unquoted name in UTF-8": "form-data; name=files; filename=日本.txt".encode(),
    "unquoted name that ends in a letter with 0xA0": "form-data; name=files; filename=voilà".encode(),
    "unquoted name with an equals sign": b"form-data; name=files; filename=a=b.txt",
    "unquoted name with a quote inside": b'form-data; name=files; filename=a"b.txt',
    "unquoted name with a pair of quotes inside": b'form-data; name=files; filename=a"b;c"d.txt',
    "unquoted name with a backslash": b"form-data; name=files; filename=a\\b.txt",
    "single quotes": b"form-data; name='files'; filename='a.txt'",
    "angle brackets": b"form-data; name=files; filename=<a.txt>",
    "angle brackets in quotes": b'form-data; name=files; filename="<a.txt>"',
    "filename= empty": b'form-data; name="files"; filename=',
    "filename without a value": b'form-data; name="files"; filename',
    "FILENAME without a value": b'form-data; name="files"; FILENAME',
    "name= empty": b'form-data; name=; filename="a.txt"',
    "name without a value": b'form-data; name; filename="a.txt"',
    "name of quotes only": b'form-data; name=""; filename="a.txt"',
    "one quote as filename": b'form-data; name="files"; filename="',
    "unescaped quotes": b'form-data; name="files"; filename="say "hi".txt"',
    "one unescaped quote": b'form-data; name="files"; filename="5" disk.txt"',
    "one unescaped quote before the name": b'form-data; filename="5" disk.txt"; name="files"',
    "unescaped quote and semicolon": b'form-data; name="files"; filename="a"; b".txt"',
    "filename not closed": b'form-data; name="files"; filename="a.txt',
    "name not closed": b'form-data; name="files; filename="a.txt"',
    "text after the closing quote": b'form-data; name="files"; filename="a.txt"b',
    "backslash at the end": b'form-data; name="files"; filename="a\\"',
    "two backslashes at the end": b'form-data; name="files"; filename="a\\\\"',
    "two backslashes before a quote": b'form-data; name="files"; filename="a\\\\"b.txt"',
    "three backslashes before a quote": b'form-data; name="files"; filename="a\\\\\\"b.txt"',
    "backslash before a letter": b'form-data; name="files"; filename="a\\b.txt"',
    "backslash before a space": b'form-data; name="files"; filename="my\\ \\"report\\".txt"',
    "backslash before a tab": b'form-data; name="files"; filename="my\\\treport.txt"',
    "backslash before a space, unquoted": b"form-data; name=files; filename=my\\ report.txt",
    "two backslashes before a space": b'form-data; name="files"; filename="dir\\\\ a.txt"',
    "three backslashes before a space": b'form-data; name="files"; filename="dir\\\\\\ a.txt"',
    "backslash before a bracket": b'form-data; name="files"; filename="a\\(b.txt"',
    "escaped quote and semicolon": b'form-data; name="files"; filename="a\\";b.txt"',
    "escaped quote in the field": b'form-data; name="fi\\"les"; filename="a.txt"',
    "percent-encoded line break": b'form-data; name="files"; filename="a%0D%0Ab.txt"',
    "percent-encoded letters stay": b'form-data; name="files"; filename="%C3%A9.txt"',
    "encoded word": b'form-data; name="files"; filename="=?UTF-8?B?w6kudHh0?="',
    "entity": b'form-data; name="files"; filename="&#233;.txt"',
    "Internet Explorer's path": b'form-data; name="files"; filename="C:\\dir\\a.txt"',
    "path of another drive, unquoted": b"form-data; name=files; filename=d:\\dir\\a.txt",
    "network path": b'form-data; name="files"; filename="\\\\\\\\host\\\\dir\\\\a.txt"',
    "network path, not escaped": b'form-data; name="files"; filename="\\\\host\\dir\\a.txt"',
    "drive only": b'form-data; name="files"; filename="C:\\"',
    "drive and slash": b'form-data; name="files"; filename="C:/dir/a.txt"',
    "relative Windows path": b'form-data; name="files"; filename="dir\\a.txt"',
    "folder": b'form-data; name="files"; filename="dir/a.txt"',
    "folder only": b'form-data; name="files"; filename="dir/"',
    "dots": b'form-data; name="files"; filename=".."',
    "space as filename": b'form-data; name="files"; filename=" "',
    "spaces around the filename": b'form-data; name="files"; filename=" a.txt "',
    "NUL in the filename": b'form-data; name="files"; filename="a\x00b.txt"',
    "control characters in the filename": b'form-data; name="files"; filename="a\x01\x1b\x7fb.txt"',
    "tab in the filename": b'form-data; name="files"; filename="a\tb.txt"',
    "UTF-8 that is cut": b'form-data; name="files"; filename="a\xe6\x97.txt"',
    "Latin-1": b'form-data; name="files"; filename="\xfcber.txt"',
    "surrogate in UTF-8": b'form-data; name="files"; filename="\xed\xa0\x80.txt"',
    "byte order mark": b'form-data; name="files"; filename="\xef\xbb\xbfa.txt"',
    "field in Latin-1": b'form-data; name="\xfcber"; filename="a.txt"',
    "bidirectional override": "form-data; name=\"files\"; filename=\"a\u202etxt.exe\"".encode(),
    "line separator": "form-data; name=\"files\"; filename=\"a\u2028b.txt\"".encode(),
    "funky": "form-data; name=\"files\"; filename=\": \\\\ ? % * | &#9731; %22 < > . ? ; ' @ # $ ^ & ( ) - _ = + { } [ ] ` ~ ☃.txt\"".encode(),
    "filename twice": b'form-data; name="files"; filename="a.txt"; filename="b.txt"',
    "filename twice, then empty": b'form-data; name="files"; filename="a.txt"; filename=""',
    "name twice, the same": b'form-data; name="files"; name="files"; filename="a.txt"',
    "name twice": b'form-data; name="files"; name="other"; filename="a.txt"',
    "name and name* that agree": b"form-data; name=\"files\"; name*=UTF-8''files; filename=\"a.txt\"",
    "name and name* that differ": b"form-data; name=\"other\"; name*=UTF-8''files; filename=\"a.txt\"",
    "name* alone": b"form-data; name*=UTF-8''files; filename=\"a.txt\"",
    "filename* before filename": b"form-data; name=\"files\"; filename*=UTF-8''b.txt; filename=\"a.txt\"",
    "filename* in capitals": b"form-data; name=\"files\"; FILENAME*=utf-8'en'b.txt",
    "filename* in quotes": b"form-data; name=\"files\"; filename*=\"UTF-8''b%20c.txt\"",
    "filename* empty": b"form-data; name=\"files\"; filename=\"a.txt\"; filename*=",
    "filename* with charset only": b"form-data; name=\"files\"; filename*=UTF-8''",
    "filename* without a charset": b"form-data; name=\"files\"; filename*=''b.txt",
    "filename* without quotes": b"form-data; name=\"files\"; filename*=b%20c.txt",
    "filename* with one quote": b"form-data; name=\"files\"; filename*=UTF-8'b.txt",
    "filename* with four quotes": b"form-data; name=\"files\"; filename*=UTF-8''b'c'd.txt",
    "filename* with an encoded quote": b"form-data; name=\"files\"; filename*=UTF-8''b%27c.txt",
    "filename* with an encoded double quote": b"form-data; name=\"files\"; filename*=UTF-8''b%22c.txt",
    "filename* with an encoded backslash": b"form-data; name=\"files\"; filename*=UTF-8''b%5C%5Cc%5C%22.txt",
    "filename* with an encoded NUL": b"form-data; name=\"files\"; filename*=UTF-8''b%00.txt",
    "filename* with an encoded slash": b"form-data; name=\"files\"; filename*=UTF-8''..%2Fb.txt",
    "filename* with a Windows path": b"form-data; name=\"files\"; filename*=UTF-8''C:%5Cdir%5Cb.txt",
    "filename* with stray percent signs": b"form-data; name=\"files\"; filename*=UTF-8''50%%20off%zz%4",
    "filename* in Latin-1": b"form-data; name=\"files\"; filename*=ISO-8859-1''%FCber.txt",
    "filename* in an unknown charset": b"form-data; name=\"files\"; filename*=x-unknown''%C3%A9.txt",
    "filename* in Latin-1 that could be UTF-8": b"form-data; name=\"files\"; filename*=ISO-8859-1''%C3%A9.txt",
    "filename* in an unknown charset beside filename": b"form-data; name=\"files\"; filename*=x-unknown''%C3%A9.txt; filename=\"a.txt\"",
    "filename* in invalid UTF-8 beside filename": b"form-data; name=\"files\"; filename=\"a.txt\"; filename*=UTF-8''bad%FF%FE.txt",
    "filename* that names no charset beside filename": b"form-data; name=\"files\"; filename=\"a.txt\"; filename*=%C3%A9.txt",
    "filename* in invalid UTF-8": b"form-data; name=\"files\"; filename*=UTF-8''bad%FF%FE.txt",
    "filename* with bytes that are not encoded": "form-data; name=\"files\"; filename*=UTF-8''é%C3%A9.txt".encode(),
    "filename* twice": b"form-data; name=\"files\"; filename*=UTF-8''a.txt; filename*=UTF-8''b.txt",
    "filename *": b"form-data; name=\"files\"; filename *=UTF-8''b.txt",
    "filename*0 and filename*1": b'form-data; name="files"; filename*0="a"; filename*1="b.txt"',
    "continuations with single quotes": b'form-data; name="files"; filename*0="a\'b\'c"; filename*1="d.txt"',
    "continuations in another order": b'form-data; name="files"; filename*1="b.txt"; filename*0="a"',
    "continuations with a gap": b'form-data; name="files"; filename*0="a"; filename*2="b.txt"',
    "continuations from 1": b'form-data; name="files"; filename*1="a"; filename*2="b.txt"',
    "continuations over ten": b'form-data; name="files"; ' + b"; ".join(b"filename*%d=%c" % (i, 97 + i) for i in range(12)),
    "continuations that are encoded": b"form-data; name=\"files\"; filename*0*=UTF-8''%C3; filename*1*=%A9; filename*2=%41.txt",
    "continuation twice": b'form-data; name="files"; filename*0="a"; filename*0="b"',
    "continuation and filename": b'form-data; name="files"; filename*0="b.txt"; filename="a.txt"',
    "continuation and filename*": b"form-data; name=\"files\"; filename*0=\"a\"; filename*=UTF-8''b.txt",
    "continuation with a huge number": b'form-data; name="files"; filename*99999999999999999999="b.txt"',
    "continuation with leading zeros": b'form-data; name="files"; filename*00="a"; filename*01="b"',
    "continuation that is none": b'form-data; name="files"; filename*x="b.txt"',
    "continuation with a sign": b'form-data; name="files"; filename*+1="b.txt"',
    "continuation twice starred": b'form-data; name="files"; filename**="b.txt"',
    "broken continuation of another parameter": b"form-data; name=\"files\"; filename=\"a.txt\"; x*=a; x*0=b",
    "no parameters": b"form-data",
    "empty": b"",
    "a text field": b'form-data; name="files"',
    "_charset_": b'form-data; name="_charset_"',
    "quote in place of the type": b'"; name="files"; filename="a.txt"',
    "line feed in the filename": b'form-data; name="files"; filename="a\nb.txt"',
    "carriage return in the filename": b'form-data; name="files"; filename="a\rb.txt"',
}
# The lines of a part's header
NAMED = b'Content-Disposition: form-data; name="files"; filename="a.txt"'
HEADERS = {
    "no space after the colon": [NAMED.replace(b": ", b":", 1)],
    "spaces after the colon": [NAMED.replace(b": ", b":   ", 1)],
    "tab after the colon": [NAMED.replace(b": ", b":\t", 1)],
    "space before the colon": [NAMED.replace(b": ", b" : ", 1)],
    "space before the line": [b" " + NAMED],
    "folded line": [b"Content-Disposition: form-data;", b' name="files"; filename="a.txt"'],
    "folded line with a tab": [b"Content-Disposition: form-data;", b'\tname="files"; filename="a.txt"'],
    "line feed inside": [NAMED + b"\nContent-Type: text/html"],
    "carriage return at the end": [NAMED + b"\r"],
    "line without a colon": [NAMED, b"what"],
    "line without a name": [NAMED, b": what"],
    "line of one space": [NAMED, b" "],
    "name with a space": [NAMED, b"X Y: what"],
    "name in UTF-8": [NAMED, "Ünd: what".encode()],
    "name of all the characters": [NAMED, b"aZ09!#$%&'*+-.^_`|~: what"],
    "mixed case": [b"cOnTeNt-DiSpOsItIoN" + NAMED[19:], b"CONTENT-type: text/html"],
    "disposition behind the type": [b"Content-Type: text/html", NAMED],
    "disposition twice, another filename": [NAMED, NAMED.replace(b"a.txt", b"b.txt")],
    "disposition twice, another field": [NAMED, NAMED.replace(b"files", b"other")],
    "disposition twice, then a text": [NAMED, b'Content-Disposition: form-data; name="files"'],
    "disposition twice, then empty": [NAMED, b"Content-Disposition:"],
    "type twice": [NAMED, b"Content-Type: text/html", b"Content-Type: text/plain"],
    "type empty": [NAMED, b"Content-Type:"],
    "type with spaces": [NAMED, b"Content-Type:  text/html ; charset=x  "],
    "type in Latin-1": [NAMED, b"Content-Type: te\xfft/html"],
    "type of nonsense": [NAMED, b"Content-Type: what"],
    "type with a nested boundary": [NAMED, b"Content-Type: multipart/mixed; boundary=inner"],
    "base64 as transfer encoding": [NAMED, b"Content-Transfer-Encoding: base64"],
    "length": [NAMED, b"Content-Length: 1"],
    "wrong length": [NAMED, b"Content-Length: 0"],
    "no header": [],
    "ten lines": [NAMED] + [b"X-%d: 1" % i for i in range(9)],
    "eleven lines": [NAMED] + [b"X-%d: 1" % i for i in range(10)],
    "eight KiB": [NAMED, b"X: " + b"x" * (8192 - len(NAMED) - 2 - 3 - 2 - 2)],
    "over eight KiB": [NAMED, b"X: " + b"x" * (8192 - len(NAMED) - 2 - 3 - 2 - 1)],
}
# The whole body
D = b"--" + B
FRAMES = {
    "one dash": b"-",
    "opening delimiter only": D,
    "opening delimiter and its line end": D + b"\r\n",
    "closing delimiter without its line end": file() + D + b"--",
    "closing delimiter with one dash": file() + D + b"-\r\n",
    "closing delimiter with a space between": file() + D + b" --\r\n",
    "closing delimiter, then text": file() + D + b"--text",
    "closing delimiter, then a carriage return": file() + D + b"--\r",
    "closing delimiter, then spaces": file() + D + b"--  \r\n",
    "closing delimiter, then a part": file() + END + file(b"b.txt") + END,
    "closing delimiter of three dashes": file() + D + b"---\r\n",
    "closing delimiter twice": file() + END + END,
    "closing delimiter first": END + file() + END,
    "leading line feeds": b"\n\n" + file() + END,
    "leading carriage return": b"\r" + file() + END,
    "leading space": b" " + file() + END,
    "line breaks only": b"\r\n\r\n",
    "empty preamble line and text": b"\r\ntext\r\n" + file() + END,
    "preamble of the delimiter and text": D + b"text\r\n" + file() + END,
    "preamble without a line end": b"text" + file() + END,
    "preamble of a shorter boundary": D[:-1] + b"\r\n" + file() + END,
    "space after the opening delimiter": file().replace(D, D + b" ", 1) + END,
    "line feed after the opening delimiter": file().replace(D + b"\r", D, 1) + END,
    "space after a delimiter": file() + file(b"b.txt").replace(D, D + b" ", 1) + END,
    "tab after a delimiter": file() + file(b"b.txt").replace(D, D + b"\t", 1) + END,
    "text after a delimiter": file() + file(b"b.txt").replace(D, D + b" text", 1) + END,
    "letter after a delimiter": file() + file(b"b.txt").replace(D, D + b"x", 1) + END,
    "one dash after a delimiter": file() + file(b"b.txt").replace(D, D + b"-", 1) + END,
    "dash and text after a delimiter": file(b"a.txt", b"1\r\n" + D + b"-x\r\n") + END,
    "line feed after a delimiter": file() + file(b"b.txt").replace(D + b"\r", D, 1) + END,
    "carriage return after a delimiter": file() + file(b"b.txt").replace(D + b"\r\n", D + b"\r", 1) + END,
    "line feed before a delimiter": file()[:-2] + b"\n" + file(b"b.txt") + END,
    "carriage return before a delimiter": file()[:-2] + b"\r" + file(b"b.txt") + END,
    "line feed before the closing delimiter": file()[:-2] + b"\n" + END,
    "nothing before the closing delimiter": file()[:-2] + END,
    "two carriage returns before a delimiter": file(b"a.txt", b"1\r") + END,
    "delimiter where the content begins": file(b"a.txt", b"")[:-2] + file(b"b.txt") + END,
    "closing delimiter where the content begins": file(b"a.txt", b"")[:-2] + END,
    "line feed and delimiter where the content begins": file(b"a.txt", b"")[:-2] + b"\n" + file(b"b.txt") + END,
    "content of the delimiter alone": file(b"a.txt", D) + END,
    "content that begins with the boundary": file(b"a.txt", B + b"\r\n") + END,
    "content with the delimiter inside a line": file(b"a.txt", b"1" + D + b"\r\n") + END,
    "content with the delimiter behind a line feed": file(b"a.txt", b"1\n" + D + b"\r\n2") + END,
    "content with a longer boundary": file(b"a.txt", b"1\r\n" + D + b"1\r\n2") + END,
    "content with a shorter boundary": file(b"a.txt", b"1\r\n" + D[:-1] + b"\r\n2") + END,
    "content of line ends": file(b"a.txt", b"\r\n\n\r\r\n") + END,
    "content of dashes": file(b"a.txt", b"\r\n--\r\n----\r\n--") + END,
    "content of another form": file(b"a.txt", (file() + END).replace(B, b"other")) + END,
    "empty content": file(b"a.txt", b"") + END,
    "delimiter in other letters": file() + file(b"b.txt").replace(B, B.upper()) + END,
    "no blank line": D + b"\r\n" + NAMED + b"\r\n" + END,
    "blank line of line feeds": file().replace(b"\r\n\r\n", b"\r\n\n") + END,
    "blank line with a space": file().replace(b"\r\n\r\n", b"\r\n \r\n") + END,
    "line feeds only": (file() + END).replace(b"\r\n", b"\n"),
    "carriage returns only": (file() + END).replace(b"\r\n", b"\r"),
    "files and texts in turn": file() + disposition(b'form-data; name="note"', b"hi") + file(b"b.txt") + disposition(b'form-data; name="files"', b"no"),
    "Latin-1 as text": disposition(b'form-data; name="note"', b"\xfcber") + END,
    "an unnamed part behind a file": file() + part(b"Content-Type: text/plain") + END,
    "an unnamed part, then cut": part(b"Content-Type: text/plain")[:-3],
    "cut behind a delimiter": file() + D + b"\r\n",
    "cut inside the closing delimiter": file() + D + b"-",
    "cut before the closing delimiter": file(),
}
FRAMES["files and texts in turn"] += END
# The content type of the request; the body is framed by B, or as told
TYPES = {
    "no space": b"multipart/form-data;boundary=" + B,
    "spaces around": b"  multipart/form-data ; boundary = " + B + b" ",
    "boundary in capitals": b"multipart/form-data; BOUNDARY=" + B,
    "other parameters": b'multipart/form-data; x; y="a;b"; boundary=' + B + b"; z=1",
    "semicolon at the end": FORM + b";",
    "boundary in single quotes": b"multipart/form-data; boundary='" + B + b"'",
    "boundary in angle brackets": b"multipart/form-data; boundary=<" + B + b">",
    "boundary not closed": b'multipart/form-data; boundary="' + B,
    "boundary twice, the same": FORM + b"; boundary=" + B,
    "boundary twice, the last is right": b"multipart/form-data; boundary=other; boundary=" + B,
    "boundary twice, the first is right": FORM + b"; boundary=other",
    "boundary* alone": b"multipart/form-data; boundary*=us-ascii''----b0%75ndary",
    "boundary and boundary* that differ": b"multipart/form-data; boundary=other; boundary*=us-ascii''" + B,
    "boundary in pieces": b"multipart/form-data; boundary*0=----b0; boundary*1=undary",
    "boundary= empty": b"multipart/form-data; boundary=",
    "boundary of quotes": b'multipart/form-data; boundary=""',
    "boundary without a value": b"multipart/form-data; boundary",
    "no boundary but parameters": b"multipart/form-data; charset=utf-8",
    "comma behind the boundary": FORM + b", text/plain",
    "comma before the boundary": b"multipart/form-data, boundary=" + B,
    "space behind the type": b"multipart/form-data boundary=" + B,
    "in capitals": b"MULTIPART/FORM-DATA; boundary=" + B,
    "mixed": b"multipart/mixed; boundary=" + B,
    "longer": b"multipart/form-data2; boundary=" + B,
    "shorter": b"multipart/form; boundary=" + B,
    "with spaces inside": b"multipart / form-data; boundary=" + B,
    "empty": b"",
    "semicolons": b";;",
    "parameters only": b"boundary=" + B,
}
BOUNDARIES = {
    "with unquoted specials": (b"----=_Part_1/2:3?(4),5", b"----=_Part_1/2:3?(4),5"),
    "with quoted specials": (b'"a;b=c\'()+_,-./:=?"', b"a;b=c'()+_,-./:=?"),
    "with a space": (b'"a b"', b"a b"),
    "with an unquoted space": (b"a b", b"a b"),
    "with a space at the end": (b'"ab "', b"ab "),
    "with an escaped quote": (b'"a\\"b"', b'a"b'),
    "with an escaped backslash": (b'"a\\\\b"', b"a\\b"),
    "that is empty": (b"", b""),
    "of one letter": (b"x", b"x"),
    "of one dash": (b"-", b"-"),
    "that ends in dashes": (b"x--", b"x--"),
    "with bytes over 127": (b"\xc3\xa9\xff", b"\xc3\xa9\xff"),
    "with a tab": (b'"a\tb"', b"a\tb"),
    "of 70": (b"x" * 70, b"x" * 70),
    "of 71": (b"x" * 71, b"x" * 71),
}
CHARSETS = {
    "UTF-8": (b"UTF-8", "é".encode()),
    "UTF-8, Latin-1 sent": (b"utf8", b"\xe9"),
    "Latin-1": (b"iso-8859-1", b"\xe9"),
    "Latin-1, UTF-8 sent": (b"ISO-8859-1", "é".encode()),
    "ASCII, UTF-8 sent": (b"us-ascii", "é".encode()),
    "Windows-1252, ASCII sent": (b"windows-1252", b"e"),
    "Windows-1252": (b"windows-1252", b"\x80"),
    "Shift JIS": (b"shift_jis", b"\x83\x65"),
    "unknown, ASCII sent": (b"x-unknown", b"e"),
    "unknown, UTF-8 sent": (b"x-unknown", "é".encode()),
    "UTF-16, ASCII sent": (b"utf-16", b"ee"),
}


def written():
    for name, value in DISPOSITIONS.items():
        write(f"disposition: {name}", disposition(value) + END)
    for name, lines in HEADERS.items():
        write(f"header: {name}", part(*lines) + END)
    for name, body in FRAMES.items():
        write(f"frame: {name}", body)
    for name, content_type in TYPES.items():
        write(f"content type: {name}", file() + END, content_type)
    for name, (sent, meant) in BOUNDARIES.items():
        body = (file(b"a.txt", b"1--" + meant) + file(b"b.txt") + END).replace(B, meant)
        write(f"boundary {name}", body, b"multipart/form-data; boundary=" + sent)
    for name, (charset, letter) in CHARSETS.items():
        body = file(letter) + disposition(b'form-data; name="' + letter + b'"', letter) + END
        write(f"charset {name}", body, FORM + b"; charset=" + charset)
    field = disposition(b'form-data; name="\x80"')
    for name, value in {
        "filename* in UTF-8": b"filename=\"???.txt\"; filename*=UTF-8''%E6%97%A5.txt",
        "filename* in UTF-8, in quotes": b"filename=\"???.txt\"; filename*=\"UTF-8''%E6%97%A5.txt\"",
        "name* in UTF-8": b"name*=UTF-8''%E6%97%A5; filename=\"a.txt\"",
    }.items():
        for charset in [b"ISO-8859-1", b"windows-1252"]:
            body = disposition(b'form-data; ' + (b"" if b"name*=" in value[:6] else b'name="files"; ') + value) + END
            write(f"charset {charset.decode()}, {name}", body, FORM + b"; charset=" + charset)
    write("charset of a field only", field + END, FORM + b"; charset=windows-1252")
    write("charset of a filename only", file(b"\x80") + END, FORM + b"; charset=windows-1252")


# What a random change may put in
TOKENS = [
    b"\r\n", b"\r\n\r\n", b"\r", b"\n", b" ", b"\t", b"-", b"--", B, D, b"\r\n" + D, END,
    b";", b"; ", b"=", b'"', b"\\", b"\\\\", b'\\"', b"'", b"''", b"%", b"%41", b"%C3%A9",
    b"*", b"*0", b"*1*", b"<", b">", b":", b",", b"\x00", b"\x0b", b"\x1f", b"\x7f", b"\xff",
    "é".encode(), "日".encode(), b"name", b"name=", b'name="files"', b"filename", b"filename=",
    b'filename="c.txt"', b"; filename*=UTF-8''d.txt", b"; filename*1=e", b"; filename*0*=utf-8''f",
    b"form-data", b"Content-Disposition: ", b"Content-Type: text/html", b"X: y\r\n", b"C:\\", b"a", b"",
]


def pieces(rng):
    """A valid form in pieces that a random change can move."""
    def quoted(text):
        return [b'"', text, b'"'] if rng.random() < 0.8 else [text]

    for _ in range(rng.randint(1, 3)):
        yield from [b"--", B, b"\r\n", b"Content-Disposition", b":", b" ", b"form-data", b";", b" ", b"name", b"="]
        yield from quoted(b"files")
        if rng.random() < 0.8:
            yield from [b";", b" ", b"filename", b"="]
            yield from quoted(rng.choice([b"a.txt", b"", b"my file.txt", "é.txt".encode(), b"C:\\x\\b.txt", b'q\\"r']))
        if rng.random() < 0.3:
            yield from [b";", b" ", b"filename", b"*", b"=", b"UTF-8", b"'", b"'", b"%C3%A9", b".txt"]
        yield b"\r\n"
        if rng.random() < 0.5:
            yield from [b"Content-Type", b":", b" ", b"text/plain", b"\r\n"]
        yield from [b"\r\n", rng.choice([b"", b"1", b"\r\n", b"1\r\n--", b"\x00\xff\n"]), b"\r\n"]
    yield from [b"--", B, b"--", b"\r\n"]


def change(rng, form):
    at = rng.randrange(len(form))
    match rng.randrange(6):
        case 0:
            del form[at]
        case 1:
            form.insert(at, form[rng.randrange(len(form))])
        case 2 | 3:
            form.insert(at, rng.choice(TOKENS))
        case 4:
            form[at] = rng.choice(TOKENS)
        case 5:
            other = rng.randrange(len(form))
            form[at], form[other] = form[other], form[at]


def guessed(count, seed):
    rng = random.Random(seed)
    for i in range(count):
        form = list(pieces(rng))
        for _ in range(rng.randint(0, 4)):
            change(rng, form)
        boundary = [b"; ", b"boundary", b"=", B]
        if rng.random() < 0.1:
            change(rng, boundary)
        # A line break would end the request's header.
        sent = b"".join(boundary).translate(None, b"\r\n")
        write(f"random {seed}/{i}", b"".join(form), b"multipart/form-data; x" + sent)


arguments = argparse.ArgumentParser()
arguments.add_argument("--random", type=int, default=0)
arguments.add_argument("--seed", type=int, default=1)
options = arguments.parse_args()
if options.random:
    guessed(options.random, options.seed)
else:
    written()
