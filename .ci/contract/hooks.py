"""What Schemathesis has to know besides the description."""

import collections
import itertools
import os
from urllib.parse import quote

import requests
import schemathesis

URL = os.environ["CONTRACT_URL"]
KEY = os.environ["CONTRACT_KEY"]


@schemathesis.hook
def filter_case(context, case):
    """Leaves out requests that are not what Schemathesis takes them for.

    A form needs a file, which its schema, the contract's own, does not say.

    Schemathesis breaks the schema of a form and does not look at the outcome if
    that holds files, which it cannot judge. What it has broken may not show in the
    form. And it takes a query parameter that is not described for a wrong one.
    """
    if "x-schemathesis-unknown-property" in (case.query or {}):
        return False
    broken = {location.value for location, part in case.meta.components.items() if part.mode.is_negative}
    if not broken and case.media_type == "multipart/form-data":
        return is_valid(case.body)
    return broken != {"body"} or not is_valid(case.body)


def is_valid(form):
    """Whether the form has files, and nothing but files in the place of files."""
    files = form.get("files") if isinstance(form, dict) else None
    return isinstance(files, list) and 0 < len(files) <= 1000 and all(hasattr(file, "data") for file in files)


# Some requests succeed only after others, one of which goes to S3 and is not
# described. Before most of their valid requests the others are sent, and what they
# need is put in; the rest go out as they are, and are mostly refused.

# The answers that are due, by the id of the case: a function that judges a response.
due = {}
turns = collections.defaultdict(itertools.count)


@schemathesis.hook
def before_call(context, case, kwargs):
    prepare = PREPARED.get(case.operation.label)
    phase = case.meta.phase.name
    # Where the steps of one case build upon each other, they are left as they are.
    if not prepare or not case.meta.generation.mode.is_positive or phase == "stateful":
        return
    turn = next(turns[case.operation.label, phase])
    if turn % 4 < 3:
        due[case.id] = prepare(case, turn)


@schemathesis.check
def prepared_request_succeeds(ctx, response, case):
    """Whether a request for which all has been prepared is answered as it has to be."""
    judge = due.get(case.id)
    if judge:
        judge(response)


def prepare_complete(case, turn):
    """Begins an upload and sends S3 its only part."""
    content = b"a part" * (turn + 1)
    multipart = f"/api/conversations/{case.path_parameters['conversation_id']}/s3/multipart"
    upload = call(
        "POST", multipart, json={"filename": f"file {turn}.txt", "type": "text/plain", "metadata": {"size": len(content)}}
    ).json()
    key = {"key": upload["key"]}
    part = call("GET", f"{multipart}/{quote(upload['uploadId'], safe='')}/1", params={**key, "size": len(content)}).json()
    sent = requests.put(part["url"], data=content, headers=part.get("headers"), timeout=30)
    sent.raise_for_status()
    case.path_parameters["upload_id"] = upload["uploadId"]
    case.query.update(key)
    case.body = {"parts": [{"PartNumber": 1, "ETag": sent.headers["ETag"]}]}

    def judge(response):
        assert response.status_code == 200, f"completing an upload with its part is answered {response.status_code}"
        fetched = requests.get(response.json()["location"], timeout=30)
        assert fetched.content == content, f"the completed file has {fetched.content[:100]!r}, want {content[:100]!r}"

    return judge


TEXTS = {"notes.txt": "Hello\n", "Grüße 日本語.md": "# Überschrift\n\n日本語 🎉\n", "empty.txt": "", "quotes.json": '{"a": "\\""}\r\n'}


def prepare_select_file(case, turn):
    """Uploads a text."""
    name, text = list(TEXTS.items())[turn % len(TEXTS)]
    upload = f"/api/conversations/{case.path_parameters['conversation_id']}/upload-files"
    answer = call("POST", upload, files={"files": (name, text.encode())}).json()
    case.query["file"] = answer["uploaded_files"][0]  # another one where such a name is taken

    def judge(response):
        assert response.status_code == 200, f"showing a text is answered {response.status_code}"
        if case.method.upper() == "GET":
            assert response.json()["code"] == text, f"the text is {response.json()['code']!r}, want {text!r}"

    return judge


def prepare_page(case, turn):
    """Uploads two files and takes the cursor between them."""
    conversation = f"/api/conversations/{case.path_parameters['conversation_id']}"
    for name in "first.txt", "last.txt":
        call("POST", f"{conversation}/upload-files", files={"files": (name, name)})
    page = call("GET", f"{conversation}/files", params={"limit": 1}).json()
    case.query["cursor"] = page["next"]
    case.query.pop("folder", None)  # in a folder, another cursor goes on

    def judge(response):
        assert response.status_code == 200, f"the next page is answered {response.status_code}"
        if case.method.upper() == "GET":
            listed = [file["name"] for file in response.json()["files"]]
            assert listed and page["files"][0]["name"] < listed[0], f"{page['next']!r} is followed by {listed}"

    return judge


def prepare_sign(case, turn):
    """Wishes for a file in one go, or for the beginning of an upload: the rest needs one that is there."""
    case.body = {"method": ("PUT", "POST")[turn % 2], "key": f"signed {turn}.txt", "contentType": "text/plain"}

    def judge(response):
        assert response.status_code == 200, f"signing {case.body} is answered {response.status_code}"
        signed = response.json()
        sent = requests.request(case.body["method"], signed["url"], headers=signed["headers"], timeout=30)
        assert sent.ok, f"S3 answers the signed request with {sent.status_code}"

    return judge


def call(method, path, **kwargs):
    response = requests.request(method, URL + path, headers={"X-Session-API-Key": KEY}, timeout=30, **kwargs)
    response.raise_for_status()
    return response


PREPARED = {
    "POST /api/conversations/{conversation_id}/s3/multipart/{upload_id}/complete": prepare_complete,
    "GET /api/conversations/{conversation_id}/select-file": prepare_select_file,
    "HEAD /api/conversations/{conversation_id}/select-file": prepare_select_file,
    "GET /api/conversations/{conversation_id}/files": prepare_page,
    "HEAD /api/conversations/{conversation_id}/files": prepare_page,
    "POST /api/conversations/{conversation_id}/s3/sign": prepare_sign,
}
