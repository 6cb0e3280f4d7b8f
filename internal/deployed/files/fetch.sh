#!/bin/sh
{
# Downloads the files of conversation CONVERSATION into the folder in which it is
# run, or into the one that is its argument, and verifies the SHA-256 of each.
# What is there already is not downloaded again, and nothing is overwritten. It
# needs sh, curl, and sha256sum or shasum. It ends with 0 if every file is there.
#
# Its links end. A fresh script comes from where this one came from:
#
#   curl -fsS -H "X-Session-API-Key: $KEY" "$API/api/conversations/CONVERSATION/fetch.sh" -o .fetch.sh && sh .fetch.sh

set -u
LC_ALL=C
CDPATH=
export LC_ALL

have=0 got=0 bad=0

files() {
	: # a function needs a command
	# files
}

say() {
	printf 'fetch.sh: %s\n' "$1" >&2
}

failed() {
	say "$1"
	bad=$((bad + 1))
}

# withheld NAME REASON
withheld() {
	failed "$1: $2"
}

# fetch NAME SHA256 SIZE URL [declared]. The hash is empty where nobody knows it.
# With "declared" only the file's sender knows it, who may be wrong. The URL is not
# among curl's arguments, which other users of the machine can see.
fetch() {
	if there "$1"; then
		keep "$1" "$2" "$3"
		return
	fi
	if ! printf 'url = "%s"\n' "$4" | curl -q --config - --output "$part" --fail --silent --show-error \
		--globoff --proto '=http,https' --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 3; then
		failed "$1: the download failed."
	elif [ "$3" -eq 0 ] && [ ! -e "$part" ] && ! printf "" >"$part"; then
		failed "$1: it cannot be written here."
	elif [ -n "${5-}" ] && ! right "$part" "$2" "$3" && right "$part" "" "$3"; then
		failed "$1: its bytes have not the hash that its sender declared. It is not kept: fetch it alone to have it as it is."
	elif ! right "$part" "$2" "$3"; then
		failed "$1: the download is damaged: it has not the hash or size that it should have. It is not kept."
	elif place "$1"; then
		got=$((got + 1))
	elif there "$1"; then
		keep "$1" "$2" "$3"
	else
		failed "$1: it cannot be written here."
	fi
	rm -f "$part"
}

# there NAME. A link that leads nowhere has the name too.
there() {
	[ -e "./$1" ] || [ -h "./$1" ]
}

# keep NAME SHA256 SIZE
keep() {
	if [ -f "./$1" ] && right "./$1" "$2" "$3"; then # what is no file may have no end
		have=$((have + 1))
	else
		failed "$1: there is another file of this name. It stays as it is; move it away to get this one."
	fi
}

# place NAME gives the download its name, unless that has been taken meanwhile:
# other than mv, ln overwrites nothing. Where the name is now that of a folder, it
# puts the download into it. Where the file system has no links, mv has to do.
place() {
	if ! ln "$part" "./$1" 2>/dev/null; then
		! there "$1" && mv "$part" "./$1"
	elif [ -d "./$1" ]; then
		rm -f "./$1/${part##*/}"
		return 1
	fi
}

# right FILE SHA256 SIZE
right() {
	if [ -z "$2" ]; then
		size=$(wc -c <"$1") && [ "$size" -eq "$3" ]
	else
		sum=$($hasher <"$1") && [ "${sum%% *}" = "$2" ]
	fi
}

main() {
	if command -v sha256sum >/dev/null 2>&1; then
		hasher=sha256sum
	elif command -v shasum >/dev/null 2>&1; then
		hasher='shasum -a 256'
	else
		say "neither sha256sum nor shasum is there: install one of them."
		exit 2
	fi
	if ! command -v curl >/dev/null 2>&1; then
		say "curl is not there: install it."
		exit 2
	fi
	if [ $# -gt 0 ]; then
		mkdir -p -- "$1" && cd -- "$1" || exit 2
	fi
	folder=.fetch-$$
	mkdir -m 700 "$folder" || exit 2
	part=$folder/part
	trap 'rm -rf "$folder"' EXIT
	trap 'exit 130' HUP INT TERM
	files
	printf '%s downloaded, %s already there, %s failed\n' "$got" "$have" "$bad"
	if [ "$bad" -eq 0 ]; then
		exit 0
	fi
	if [ "$(date -u +%Y%m%d%H%M%S)" -ge 20060102150405 ]; then
		say "The links of this script ended at 2006-01-02T15:04:05Z. Get a fresh script from where it came from."
	fi
	exit 1
}

main "$@"
}
