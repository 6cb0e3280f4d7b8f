#!/bin/sh
# curl --parallel says success although a transfer failed, if a later one succeeds.
#
# Versions:  curl 7.88.1 (Debian 12) and 8.14.1 (its backports).
# Expected:  the exit code tells of a failed transfer whatever the order, as it does
#            in 7.88.1.
# Behaviour: 8.14.1: of two URLs with --fail, one of them 404, the code is 22 if the
#            404 ends last, and 0 if the other does.
# Hurts:     scripts that fetch a list of files at once and look at the code: files
#            are missing and all is well. --write-out with %{exitcode} tells the truth
#            for each.
set -eu
sources=/etc/apt/sources.list.d/debian.sources
[ -r "$sources" ] || { echo "SKIPPED: needs Debian 12, with $sources"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

# A list of packages of its own, so that the machine's does not change.
mkdir -p sources lists/partial cache/archives/partial old new
sed '/^$/,$d; s/^Suites:.*/Suites: bookworm-backports/' "$sources" >sources/backports.sources
backports() {
	apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources" -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" "$@"
}
{
	backports update && (cd new && backports download curl/bookworm-backports libcurl4/bookworm-backports) &&
		(cd old && apt-get download curl libcurl4)
} >log 2>&1 || { cat log; echo "SKIPPED: needs the package lists of Debian 12 (apt-get update) and its backports"; exit 77; }
for version in old new; do
	for package in "$version"/*.deb; do dpkg -x "$package" "$version"; done
done

cat >server.py <<'P'
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        """/STATUS/MILLISECONDS is that status after that time."""
        _, status, milliseconds = self.path.split("/")
        time.sleep(int(milliseconds) / 1000)
        self.send_response(int(status))
        self.send_header("Content-Length", "0")
        self.end_headers()


http = ThreadingHTTPServer(("127.0.0.1", 0), Server)
print(http.server_port, flush=True)
http.serve_forever()
P
python3 server.py >port &
server=$!
until [ -s port ]; do sleep 0.1; done
at=http://127.0.0.1:$(cat port)

held=0
for version in old new; do
	curl() { LD_LIBRARY_PATH=$(echo "$work/$version"/usr/lib/*-linux-gnu) "$work/$version/usr/bin/curl" -q --no-progress-meter "$@"; }
	number=$(curl --version | sed -n '1s/curl \([^ ]*\).*/\1/p')
	for order in "200/0 404/1000" "404/0 200/1000"; do
		set -- $order
		code=0
		curl --parallel --fail "$at/$1" -o a "$at/$2" -o b 2>log || code=$?
		echo "curl $number, $1 ms, then $2 ms: code $code"
		case "$version $1" in "new 404/0") want=0 ;; *) want=22 ;; esac
		[ "$code" = "$want" ] || held=1
	done
	case "$version $number" in "old 7.88.1" | "new 8.14.1") ;; *) held=1 ;; esac
done
exit "$held"
