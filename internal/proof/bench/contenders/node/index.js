// The upload as the documentation of busboy and of the AWS SDK writes it.

import { timingSafeEqual } from "node:crypto";

import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import busboy from "busboy";

import { serve } from "./runtime.js";

const Bucket = process.env.UPLOAD_BUCKET;
const s3 = new S3Client({ forcePathStyle: true });
const secrets = new SecretsManagerClient({});
let sessionKey;

async function getSessionKey() {
  if (sessionKey === undefined) {
    const secret = await secrets.send(new GetSecretValueCommand({ SecretId: process.env.SESSION_KEY_SECRET }));
    sessionKey = Buffer.from(secret.SecretString);
  }
  return sessionKey;
}

function parse(headers, body) {
  return new Promise((resolve, reject) => {
    const files = [];
    const form = busboy({ headers });
    form.on("file", (field, stream, info) => {
      const chunks = [];
      stream.on("data", (chunk) => chunks.push(chunk));
      stream.on("end", () => files.push({ name: info.filename, type: info.mimeType, body: Buffer.concat(chunks) }));
    });
    form.on("error", reject);
    form.on("close", () => resolve(files));
    form.end(body);
  });
}

async function store(conversation, file) {
  const Key = `conversations/${conversation}/${file.name}`;
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: file.body, ContentType: file.type, IfNoneMatch: "*" }));
  return getSignedUrl(s3, new GetObjectCommand({ Bucket, Key }), { expiresIn: 3600 });
}

function answer(statusCode, body) {
  return { statusCode, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

async function handler(event) {
  const headers = Object.fromEntries(Object.entries(event.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const want = await getSessionKey();
  const got = Buffer.from(headers["x-session-api-key"] ?? "");
  if (got.length !== want.length || !timingSafeEqual(got, want)) {
    return answer(401, { detail: "Unauthorized" });
  }
  const [, conversation] = event.path.match(/^\/api\/conversations\/([^/]+)\/upload-files$/);
  const files = await parse(headers, Buffer.from(event.body, event.isBase64Encoded ? "base64" : "utf8"));
  const urls = await Promise.all(files.map((file) => store(conversation, file)));
  return answer(200, { file_urls: urls, skipped_files: [] });
}

serve(handler);
