"""The upload as FastAPI's own documentation writes it, behind Mangum."""

import hmac
import os

import boto3
from botocore.config import Config
from fastapi import FastAPI, Header, HTTPException, UploadFile
from mangum import Mangum

BUCKET = os.environ["UPLOAD_BUCKET"]
SECRET = os.environ["SESSION_KEY_SECRET"]

s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
secrets = boto3.client("secretsmanager")
app = FastAPI(openapi_url=None)
session_key = None


def get_session_key() -> str:
    """Reads the session key once."""
    global session_key
    if session_key is None:
        session_key = secrets.get_secret_value(SecretId=SECRET)["SecretString"]
    return session_key


@app.post("/api/conversations/{conversation_id}/upload-files")
async def upload_files(
    conversation_id: str,
    files: list[UploadFile],
    x_session_api_key: str = Header(),
) -> dict[str, list[str]]:
    """Stores the files, one after the other."""
    if not hmac.compare_digest(x_session_api_key, get_session_key()):
        raise HTTPException(401, "Unauthorized")
    urls = []
    for file in files:
        key = f"conversations/{conversation_id}/{file.filename}"
        s3.put_object(
            Bucket=BUCKET,
            Key=key,
            Body=await file.read(),
            ContentType=file.content_type,
            IfNoneMatch="*",
        )
        urls.append(
            s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
        )
    return {"file_urls": urls, "skipped_files": []}


handler = Mangum(app, lifespan="off")
