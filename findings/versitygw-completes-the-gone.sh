#!/bin/sh
# versitygw completes an upload in parts that is gone, if any object has its key.
#
# Versions:  versitygw 1.8.0 (posix backend), boto3 1.40.0.
# Expected:  CompleteMultipartUpload of an aborted upload is 404 NoSuchUpload, as
#            it is where the key is free, and as S3 has it.
# Behaviour: where another object has the key, the answer is 200 with the ETag that
#            the parts would have, and what is stored is the other object still.
# Hurts:     who takes the success of a completion for "my bytes are stored": of
#            two senders of one name, the one that was aborted is told it won.
set -eu
command -v go >/dev/null || { echo "SKIPPED: needs Go"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

GOBIN=$work CGO_ENABLED=0 GOFLAGS= go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 2>"$work/log" || { cat "$work/log"; exit 1; }
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$work/data"
"$work/versitygw" --access user --secret password --port "127.0.0.1:$port" posix "$work/data" >"$work/log" 2>&1 &
server=$!
curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"

"$work/env/bin/python" - "$port" <<'P'
import sys
import boto3, botocore

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="user", aws_secret_access_key="password")
s3.create_bucket(Bucket="bucket")


def complete(key):
    upload = s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"]
    at = {"Bucket": "bucket", "Key": key, "UploadId": upload}
    part = s3.upload_part(**at, PartNumber=1, Body=b"mine")["ETag"]
    s3.abort_multipart_upload(**at)
    try:
        answer = s3.complete_multipart_upload(**at, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part}]})
        return f"200, ETag {answer['ETag']}"
    except botocore.exceptions.ClientError as e:
        return e.response["Error"]["Code"]


other = s3.put_object(Bucket="bucket", Key="taken.txt", Body=b"another's")["ETag"]
free, taken = complete("free.txt"), complete("taken.txt")
stored = s3.get_object(Bucket="bucket", Key="taken.txt")["Body"].read()
print("complete an aborted upload, key free: ", free)
print("complete an aborted upload, key taken:", taken)
print("stored under the taken key:           ", stored, "ETag", other)
sys.exit(not (free == "NoSuchUpload" and taken.startswith("200") and other not in taken and stored == b"another's"))
P
