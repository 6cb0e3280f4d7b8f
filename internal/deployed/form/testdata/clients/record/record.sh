#!/bin/sh
# Records how clients write the same files as a form, one JSON file for each:
#
#     ./record.sh [folder]
#
# Everything that is installed goes into the folder; without one, into a temporary
# folder that is removed. Needed beforehand: curl, go, java 11, node 20, python3, and
# chromium (CHROMIUM names it where it is called otherwise). Recordings are checked
# in: run this to take in a new version, and read what changed.
set -eu
CHROMIUM=${CHROMIUM:-$(command -v chromium)}
export CHROMIUM
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
temporary=${1:+no}
recorder=
clean_up() {
    [ -z "$recorder" ] || kill "$recorder"
    [ -n "$temporary" ] || rm -rf "$work"
}
trap clean_up EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet aiohttp httpx requests
npm install --silent --prefix "$work" axios form-data playwright-core

# Starts the recorder, waits for the line with its address, runs the clients.
mkfifo "$work/address"
python3 "$here/recorder.py" "$here/.." "$work/files" > "$work/address" &
recorder=$!
read -r address < "$work/address"
rm "$work/address"
cd "$work"

set --
for name in "$work"/files/*; do
    # curl wants quotes and backslashes of a quoted file name escaped.
    escaped=$(printf '%s' "$name" | sed 's/["\\]/\\&/g')
    set -- "$@" --form "files=@\"$escaped\""
done
curl --fail --silent --show-error "$@" "$address/curl/$(curl --version | awk 'NR == 1 { print $2 }')"

for client in requests httpx aiohttp; do
    "$work/venv/bin/python" "$here/send.py" "$client" "$address" "$work/files"
done

cp "$here/send.mjs" "$work/send.mjs" # node looks for modules beside the script
for client in fetch axios chromium; do
    node "$work/send.mjs" "$client" "$address" "$work/files"
done

go run "$here/send.go" "$address" "$work/files"
java "$here/Send.java" "$address" "$work/files"
