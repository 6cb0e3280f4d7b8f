#!/bin/sh
# Bundles the page anew, at the versions that package-lock.json names. Needs
# Node and npm. With a folder as its argument, writes there instead of to dist/.
set -eu
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json "$work"
npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error

cp -R build.js src "$work"
node "$work/build.js" "$work/dist"
rm -rf "${1:-dist}"
cp -R "$work/dist" "${1:-dist}"
