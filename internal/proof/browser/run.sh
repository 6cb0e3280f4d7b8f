#!/bin/sh
# Tests the page in Chromium. Needs Go, make, Node, npm, and Chromium or, as root
# on Debian, apt-get to install it; where neither is there it says so and ends.
# What it installs and the screenshots it takes lie below .local/browser/.
set -eu
cd "$(dirname "$0")"
repository=$(cd ../../.. && pwd)
work=$repository/.local/browser

skip() {
	echo "browser: skipped: $*"
	exit 0
}
command -v npm >/dev/null || skip "there is no npm"
if ! command -v chromium >/dev/null; then
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || skip "there is no chromium, and no apt-get to install it"
	{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >/dev/null ||
		skip "chromium cannot be installed"
fi

mkdir -p "$work/screenshots"
rm -rf "$work/tests" "$work/screenshots/"*
mkdir "$work/tests"
cp -R ./*.js stock package.json package-lock.json "$work/tests"
# Installed anew only when the versions change.
if ! cmp -s package-lock.json "$work/installed"; then
	cp package.json package-lock.json "$work"
	npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json "$work/installed"
fi
cd "$work/tests"
AWS_EC2_METADATA_DISABLED=true REPOSITORY=$repository SCREENSHOTS=$work/screenshots CHROMIUM=$(command -v chromium) \
	exec node --test --test-concurrency=1 --test-reporter=spec ${1:+--test-name-pattern="$1"} ./*.test.js
