#!/bin/sh
# s3proxy goes on with an upload in parts that was aborted, and refuses one that is
# checked.
#
# Versions:  s3proxy 4.1.0 (its file system store), boto3 1.40.0.
# Expected:  UploadPart and ListParts of an aborted upload are 404 NoSuchUpload, and
#            a completion may say the object's size (x-amz-mp-object-size).
# Behaviour: after the abort both are 200, and the part is stored. A completion that
#            says the size is 501 NotImplemented, the right size too.
# Hurts:     senders that learn from NoSuchUpload that they have to begin again: they
#            send all parts into an upload that is gone.
set -eu
command -v mvn >/dev/null || { echo "SKIPPED: needs Maven and Java 17"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

python3 -m venv env
env/bin/pip install -q --disable-pip-version-check boto3==1.40.0
cat >pom.xml <<'X'
<project>
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <!-- Newer than the one that Maven picks, which lacks a class that s3proxy asks for. -->
    <dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-annotations</artifactId><version>2.21</version></dependency>
    <dependency><groupId>org.gaul</groupId><artifactId>s3proxy</artifactId><version>4.1.0</version></dependency>
  </dependencies>
</project>
X
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >log 2>&1 || { cat log; exit 1; }

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir data
cat >s3proxy.conf <<C
s3proxy.authorization=aws-v2-or-v4
s3proxy.endpoint=http://127.0.0.1:$port
s3proxy.identity=user
s3proxy.credential=password
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$work/data
C
java -Djava.io.tmpdir="$work" -cp 'lib/*' org.gaul.s3proxy.Main --properties s3proxy.conf >log 2>&1 &
server=$!
curl -s -o ready --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"

env/bin/python - "$port" <<'P'
import sys
import boto3, botocore

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="user", aws_secret_access_key="password",
                  config=botocore.config.Config(retries={"total_max_attempts": 1}))
s3.create_bucket(Bucket="bucket")


def begin(key):
    at = {"Bucket": "bucket", "Key": key}
    return at | {"UploadId": s3.create_multipart_upload(**at)["UploadId"]}


def status(call, **arguments):
    try:
        return call(**arguments)["ResponseMetadata"]["HTTPStatusCode"]
    except botocore.exceptions.ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]


gone = begin("gone.txt")
seen = {"abort": status(s3.abort_multipart_upload, **gone),
        "upload a part after it": status(s3.upload_part, **gone, PartNumber=1, Body=b"text"),
        "list parts after it": status(s3.list_parts, **gone)}
for size in {}, {"MpuObjectSize": 4}:
    at = begin(f"whole{len(size)}.txt")
    parts = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(**at, PartNumber=1, Body=b"text")["ETag"]}]}
    what = "complete another, saying its size" if size else "complete another"
    seen[what] = status(s3.complete_multipart_upload, **at, MultipartUpload=parts, **size)
for what, code in seen.items():
    print(f"{what}: {code}")
sys.exit(list(seen.values()) != [204, 200, 200, 200, 501])
P
