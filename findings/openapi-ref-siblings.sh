#!/bin/sh
# What stands beside a $ref is a field for some generators of clients, and nothing
# for others that say they read OpenAPI 3.1.
#
# Versions:  openapi-typescript 7.13.0, orval 7.13.2, @hey-api/openapi-ts 0.95.0,
#            swagger-typescript-api 13.13.0.
# Expected:  in OpenAPI 3.1 a schema is JSON Schema 2020-12, where "$ref" is a
#            keyword among others: {"$ref": A, "allOf": [B]} has the fields of both.
# Behaviour: of these four, swagger-typescript-api alone gives A & B. The other
#            three write A and drop B without a word.
# Hurts:     who extends a schema of somebody else by what stands beside the
#            reference: validators find it right, the users' clients lack the fields.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node 20"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --prefix "$work" \
	openapi-typescript@7.13.0 orval@7.13.2 @hey-api/openapi-ts@0.95.0 swagger-typescript-api@13.13.0
cat >api.json <<'J'
{
  "openapi": "3.1.0", "info": {"title": "files", "version": "1"},
  "paths": {"/upload": {"get": {
    "operationId": "upload",
    "responses": {"200": {"description": "stored", "content": {"application/json": {"schema": {
      "$ref": "#/components/schemas/Stored",
      "allOf": [{"type": "object", "properties": {"addedBesideTheRef": {"type": "string"}}}]}}}}}}}},
  "components": {"schemas": {"Stored": {"type": "object", "properties": {"storedName": {"type": "string"}}}}}
}
J
{
	npx openapi-typescript api.json -o openapi-typescript/types.ts
	npx orval --input api.json --output orval/client.ts --client fetch
	npx openapi-ts -i api.json -o hey-api -p @hey-api/typescript
	npx swagger-typescript-api generate -p api.json -o swagger-typescript-api -n api.ts
} >log 2>&1 </dev/null || { cat log; exit 1; }

held=0
for name in openapi-typescript orval hey-api swagger-typescript-api; do
	grep -rq storedName "$name" || { echo "$name: has not even the field of the reference"; held=1; }
	if grep -rq addedBesideTheRef "$name"; then has=yes; else has=no; fi
	echo "$name: has the field beside the reference: $has"
	case $name in swagger-*) want=yes ;; *) want=no ;; esac
	[ "$has" = "$want" ] || held=1
done
exit "$held"
