#!/bin/sh
# Whether unzip can write a name depends on whether the entry carries a Unix time.
#
# Versions:  Info-ZIP unzip 6.0 (Debian 12).
# Expected:  a name that is marked as UTF-8 (bit 11) comes out the same, whatever
#            extra field stands behind it.
# Behaviour: without a UTF-8 locale, as in most containers, two archives that differ
#            in nothing but the "UT" extra field (the modification time) give two
#            names: without it the right bytes, with it #U65e5#U672c.txt. The code is
#            0 both times.
# Hurts:     who writes zips for others to unpack in containers: the more careful
#            archive gives the wrong names.
set -eu
command -v apt-get >/dev/null || { echo "SKIPPED: needs Debian 12"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

apt-get download unzip=6.0-28 >log 2>&1 || { cat log; echo "SKIPPED: needs the package lists of Debian 12 (apt-get update)"; exit 77; }
dpkg -x unzip_*.deb root
python3 - <<'P'
import struct, zipfile

for archive, extra in ("plain.zip", b""), ("timed.zip", struct.pack("<2sHBI", b"UT", 5, 1, 1767225600)):
    with zipfile.ZipFile(archive, "w") as z:
        entry = zipfile.ZipInfo("\u65e5\u672c.txt", (2026, 1, 1, 0, 0, 0))
        entry.create_system, entry.external_attr, entry.extra = 3, 0o644 << 16, extra
        z.writestr(entry, b"text")
P
held=0
for archive in plain timed; do
	code=0
	LC_ALL=C root/usr/bin/unzip -q "$archive.zip" -d "$archive" >log 2>&1 || code=$?
	name=$(ls "$archive")
	echo "$archive.zip: code $code, the file is $name"
	[ "$code" = 0 ] || held=1
	case $archive in plain) want=$(printf '\346\227\245\346\234\254.txt') ;; timed) want='#U65e5#U672c.txt' ;; esac
	[ "$name" = "$want" ] || held=1
done
exit "$held"
