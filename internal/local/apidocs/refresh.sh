#!/bin/sh
# Vendors the viewer anew, at the version that package-lock.json names. Needs npm.
set -eu
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund

dist=$work/node_modules/swagger-ui-dist
rm -rf swagger-ui
mkdir swagger-ui
cp "$dist/LICENSE" "$dist/NOTICE" "$dist/swagger-ui-bundle.js.LICENSE.txt" swagger-ui
for file in swagger-ui-bundle.js swagger-ui.css; do
    # Without the name and the time, the same file gives the same bytes.
    gzip -9nc "$dist/$file" >"swagger-ui/$file.gz"
done
