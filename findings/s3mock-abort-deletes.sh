#!/bin/sh
# S3Mock deletes a finished object when an upload in parts of its key is aborted.
#
# Versions:  Adobe S3Mock 5.2.0, boto3 1.40.0.
# Expected:  AbortMultipartUpload drops the parts of that upload and nothing else.
# Behaviour: 204, and the object that had the key all the time is gone too.
# Hurts:     who tests retries and clean-up against it: a program that is right
#            loses its files in the test, and one that only tests the abort's
#            answer looks right.
set -eu
command -v mvn >/dev/null || { echo "SKIPPED: needs Maven and Java 17"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0
(cd "$work" && mvn -q -B dependency:copy -Dartifact=com.adobe.testing:s3mock:5.2.0:jar:exec -DoutputDirectory="$work") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

set -- $(python3 -c '
import socket
all = [socket.socket() for _ in range(2)]
for s in all: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in all))')
mkdir "$work/data"
TMPDIR=$work java -Djava.io.tmpdir="$work" -jar "$work/s3mock-5.2.0-exec.jar" --server.address=127.0.0.1 \
	--server.port="$1" --http.port="$2" --com.adobe.testing.s3mock.store.root="$work/data" >"$work/log" 2>&1 &
server=$!
curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$2/"

"$work/env/bin/python" - "$2" <<'P'
import sys
import boto3

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="user", aws_secret_access_key="password")
s3.create_bucket(Bucket="bucket")
keys = lambda: [o["Key"] for o in s3.list_objects_v2(Bucket="bucket").get("Contents", [])]
at = {"Bucket": "bucket", "Key": "report.txt"}
s3.put_object(**at, Body=b"finished")
upload = s3.create_multipart_upload(**at)["UploadId"]
s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"another try")
before = keys()
status = s3.abort_multipart_upload(**at, UploadId=upload)["ResponseMetadata"]["HTTPStatusCode"]
after = keys()
print(f"before the abort: {before}")
print(f"the abort:        {status}")
print(f"after it:         {after}")
sys.exit(not (before == ["report.txt"] and status == 204 and after == []))
P
