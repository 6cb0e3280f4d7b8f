#!/bin/sh
# LocalStack's listing by pages leaves keys out, when they are asked for encoded.
#
# Versions:  LocalStack 4.9.2 (localstack-core, its S3 as a library).
# Expected:  the pages of ListObjectsV2 together are the listing, each key once.
# Behaviour: with encoding-type=url, which boto3 and the AWS CLI always ask for, the
#            encoded keys are compared with the cursor, which is plain: a key that
#            sorts lower encoded, such as one with a letter beyond ASCII, counts as
#            seen already. Without encoding-type, and in one page, all keys are there.
# Hurts:     who tests the synchronising, counting or emptying of a bucket against it:
#            boto3's own paginator loses files, and no answer says so.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

python3 -m venv "$work/env"
# cbor2 6 has no longer the modules that this LocalStack imports.
"$work/env/bin/pip" install -q --disable-pip-version-check "localstack-core[base-runtime]==4.9.2" cbor2==5.7.0
HOME=$work TMPDIR=$work "$work/env/bin/python" - "$work/store" 2>"$work/log" <<'P' || { code=$?; cat "$work/log"; exit "$code"; }
import io, sys
from localstack.aws.api import RequestContext
from localstack.services.s3.provider import S3Provider
from localstack.services.s3.storage.ephemeral import EphemeralS3ObjectStore
from rolo import Request

s3 = S3Provider(EphemeralS3ObjectStore(root_directory=sys.argv[1]))
context = RequestContext(Request("GET", "/"))
context.account_id, context.region = "000000000000", "us-east-1"
s3.create_bucket(context, {"Bucket": "bucket"})
keys = ["a.txt", "b c.txt", "r\u00e9sum\u00e9.txt", "\u00fcber.txt"]
for key in keys:
    s3.put_object(context, {"Bucket": "bucket", "Key": key, "Body": io.BytesIO(b"text")})


def listed(size, encoding):
    """How many keys there are on all pages of that size."""
    count, cursor = 0, None
    while True:
        page = s3.list_objects_v2(context, bucket="bucket", max_keys=size, encoding_type=encoding, continuation_token=cursor)
        count += len(page.get("Contents", []))
        if not page["IsTruncated"]:
            return count
        cursor = page["NextContinuationToken"]


seen = {}
for encoding in None, "url":
    for size in 1000, 1:
        seen[encoding, size] = listed(size, encoding)
        print(f"encoding-type {encoding}, pages of {size}: {seen[encoding, size]} of {len(keys)} keys")
sys.exit(not (seen.pop(("url", 1)) < len(keys) and set(seen.values()) == {len(keys)}))
P
