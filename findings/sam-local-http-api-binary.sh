#!/bin/sh
# sam local start-api cannot take a binary body for an HTTP API.
#
# Versions:  aws-sam-cli 1.170.0, its local API as a library.
# Expected:  what AWS does: a body that is no text reaches the function in base64,
#            by its content type, with nothing to configure. An HTTP API has no list
#            of binary types.
# Behaviour: the local event is made as for a REST API: base64 only for listed types,
#            and the list is empty. A form with a file in it ends in
#            UnicodeDecodeError, and a form whose file happens to be UTF-8 comes as
#            text, as it never does on AWS.
# Hurts:     who writes an upload behind an HTTP API and tries it locally: it fails
#            for pictures, works for text, and is neither on AWS.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check aws-sam-cli==1.170.0
HOME=$work SAM_CLI_TELEMETRY=0 "$work/env/bin/python" - "$work/template.yaml" 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import io, sys
from flask import Flask, request
from samcli.lib.providers.api_provider import ApiProvider
from samcli.lib.providers.provider import Stack
from samcli.local.apigw.event_constructor import construct_v2_event_http

template = {"Resources": {
    "Api": {"Type": "AWS::Serverless::HttpApi", "Properties": {}},
    "Upload": {"Type": "AWS::Serverless::Function", "Properties": {
        "CodeUri": ".", "Handler": "bootstrap", "Runtime": "provided.al2023",
        "Events": {"Post": {"Type": "HttpApi", "Properties": {"ApiId": {"Ref": "Api"}, "Path": "/upload", "Method": "post"}}}}}}}
binary = ApiProvider([Stack(parent_stack_path="", name="", location=sys.argv[1], parameters={}, template_dict=template)]).api.binary_media_types
print("binary types that it finds for the HTTP API:", binary)


def event(content):
    with Flask("local").test_request_context("/upload", method="POST", data={"file": (io.BytesIO(content), "a.bin")}):
        try:
            e = construct_v2_event_http(request, 3000, binary)
            return "in base64" if e["isBase64Encoded"] else "as text"
        except UnicodeDecodeError as e:
            return "UnicodeDecodeError"


picture, text = event(b"\x89PNG\r\n\x1a\n"), event(b"plain text")
print("a form with the first bytes of a PNG:", picture)
print("a form with a text:                  ", text)
sys.exit(not (binary == [] and picture == "UnicodeDecodeError" and text == "as text"))
P
