#!/bin/sh
# unzzip-mix of zziplib unpacks every file as an empty one, and says it succeeded.
#
# Versions:  zziplib 0.13.72 (Debian 12, zziplib-bin), of which the four tools unzzip,
#            unzzip-mem, unzzip-big and unzzip-mix are ways into one library.
# Expected:  the same files from each of them, or an error.
# Behaviour: unzzip-mix makes the files with 0 bytes and ends with code 0, for the
#            plainest archive; with -p the same tool prints the content rightly.
# Hurts:     scripts that unpack by it: all names are there, so that a look at the
#            folder shows nothing wrong.
set -eu
command -v apt-get >/dev/null || { echo "SKIPPED: needs Debian 12"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

apt-get download zziplib-bin=0.13.72+dfsg.1-1.1 libzzip-0-13=0.13.72+dfsg.1-1.1 >log 2>&1 ||
	{ cat log; echo "SKIPPED: needs the package lists of Debian 12 (apt-get update)"; exit 77; }
for package in *.deb; do dpkg -x "$package" root; done
python3 - <<'P'
import zipfile

with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.writestr("a.txt", "text " * 100)
P
LD_LIBRARY_PATH=$(find "$PWD/root" -name 'libzzip*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH
held=0
for tool in unzzip unzzip-mem unzzip-mix; do
	mkdir "$tool"
	code=0
	(cd "$tool" && ../root/usr/bin/"$tool" ../a.zip >../log 2>&1) || code=$?
	size=$(stat -c %s "$tool/a.txt")
	echo "$tool: code $code, a.txt has $size bytes; by -p $("root/usr/bin/$tool" -p a.zip a.txt 2>log | wc -c)"
	case $tool in unzzip-mix) want=0 ;; *) want=500 ;; esac
	[ "$code" = 0 ] && [ "$size" = "$want" ] || held=1
done
exit "$held"
