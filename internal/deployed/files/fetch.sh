#!/bin/sh
{
# Downloads the files of conversation CONVERSATION into the folder in which it is
# run, or into the one that is its argument, with their folders, many at once, and
# verifies the SHA-256 of each. What is there already is not downloaded again, and
# nothing is overwritten. It needs sh, curl, and sha256sum or shasum, and hashes
# large files by openssl where that is there, which is some times as fast.
#
# It ends with 0 if every file is there, with 1 if some are not, each of which it
# names, with 2 if it could not begin, and with 130 if it was interrupted. Run it
# again to go on: large files that had come by then are in .fetch-NUMBER until it does.
#
# Its links end. A fresh script comes from where this one came from:
#
#   curl -fsS -H "X-Session-API-Key: $KEY" "$API/api/conversations/CONVERSATION/fetch.sh" -o .fetch.sh && sh .fetch.sh

set -u
LC_ALL=C
CDPATH=
export LC_ALL
newline='
'

have=0 got=0 bad=0

# files goes over all files: fetch NAME SHA256 SIZE URL [declared], or withheld
# NAME REASON, and before it moved NAME PATH where a file comes under another name
# than its own. The hash is empty where nobody knows it. With "declared" only the
# file's sender knows it, who may be wrong.
files() {
	: # a function needs a command
	# files
}

fetch() {
	case /$1/ in
	*/../* | */./* | *//* | /.fetch-[0-9]*/?*) withheld "$1" "no file can have this name here." ;;
	*) "$pass" "$@" ;;
	esac
}

moved() {
	[ "$pass" = plan ] || say "$1: another file or a folder has this name on some disks; it is here as $2"
}

withheld() {
	[ "$pass" = plan ] || failed "$1: $2"
}

say() {
	printf 'fetch.sh: %s\n' "$1" >&2
}

failed() {
	say "$1"
	bad=$((bad + 1))
}

# write TEXT writes a line. It may be a URL, and other users of the machine see the
# arguments of programs: so this is none, whatever the shell has built in.
case $(command -v printf) in
printf) write() { printf '%s\n' "$1"; } ;;
*) write() {
	cat <<-END
	$1
	END
} ;;
esac
case $(command -v printf)$(command -v print) in
/*print) write() { print -r -- "$1"; } ;;
esac

# plan is the first pass: what is there has to be checked, what is not has to come.
plan() {
	all=$((all + 1))
	if ! way "$1"; then
		return
	fi
	if there "$1"; then
		if listed "$2" "$3" && [ -f "./$1" ]; then # what is no file may have no end
			write "$2  ./$1" >&4
		fi
		return
	fi
	case $1 in
	*/*) [ "${1%/*}" = "$made" ] || { made=${1%/*} && mkdir -p "$work/new/$made"; } ;;
	esac
	if ! kept "$1" "$3"; then
		missing=$((missing + 1)) size=$((size + $3))
		write "url = \"$4\"" >&3
		write "output = \"$work/new/$1\"" >&3
	fi
	! listed "$2" "$3" || write "$2  $work/new/$1" >&4
}

# kept NAME SIZE takes over what a run that was interrupted has of a file, if that is
# all and to fetch it would take longer. Its hash is looked at later, as any other's.
kept() {
	[ "$2" -ge 1000000 ] && [ -f "$work/old/$1" ] && bytes=$(wc -c <"$work/old/$1") &&
		[ "${bytes##* }" = "$2" ] && mv "$work/old/$1" "$work/new/$1"
}

# listed SHA256 SIZE: whether a file is hashed with others by one program.
listed() {
	[ -n "$1" ] && { [ -z "$fast" ] || [ "$2" -lt $large ]; }
}

# take is the second pass: it places what came whole, and tries the rest one by one.
take() {
	if ! way "$1"; then
		failed "$1: $obstacle is there and is no folder. Move it away to get this file."
		return
	fi
	new=$work/new/$1
	case $next in
	"./$1")
		have=$((have + 1))
		advance
		;;
	"$new")
		gather "$1"
		advance
		;;
	*)
		if ! listed "$2" "$3" && [ -f "$new" ] && right "$new" "$2" "$3"; then
			gather "$1"
		elif [ -n "${5-}" ] && [ -f "$new" ] && right "$new" "" "$3"; then
			undeclared "$1"
		else
			rm -f "$new"
			one "$@"
		fi
		;;
	esac
}

# advance goes to the next name in the list of what is right.
advance() {
	while IFS= read -r next <&5; do
		case $next in
		*': OK')
			next=${next%: OK}
			return
			;;
		esac
	done
	next=
}

# one fetches a file alone.
one() {
	if there "$1"; then
		keep "$1" "$2" "$3"
		return
	fi
	if [ "$lost" -ge 10 ] || ! write "url = \"$4\"" | curl -q --config - --output "$part" $options --show-error; then
		lost=$((lost + 1)) # so many in a row will not come either
		failed "$1: the download failed."
	elif [ "$3" -eq 0 ] && [ ! -e "$part" ] && ! printf "" >"$part"; then
		failed "$1: it cannot be written here."
	elif [ -n "${5-}" ] && ! right "$part" "$2" "$3" && right "$part" "" "$3"; then
		undeclared "$1"
	elif ! right "$part" "$2" "$3"; then
		failed "$1: the download is damaged: it has not the hash or size that it should have. It is not kept."
	else
		lost=0
		settle "$1" "$2" "$3" "$part"
	fi
	rm -f "$part"
}

undeclared() {
	failed "$1: its bytes have not the hash that its sender declared. It is not kept: fetch it alone to have it as it is."
}

# gather NAME notes a download that is right, to be placed with others of its folder.
gather() {
	case $1 in
	*/*) to=${1%/*} ;;
	*) to=. ;;
	esac
	if [ "$to" != "$gathered" ] || [ "$count" -ge 100 ]; then
		place
		gathered=$to
	fi
	names=$names$1$newline count=$((count + 1))
}

# place places what was gathered, with one program for all. Other than mv, ln
# overwrites nothing.
place() {
	set -f
	IFS=$newline
	set -- $names
	unset IFS
	set +f
	names= count=0
	if [ $# -eq 0 ]; then
		return
	fi
	if into "$gathered" link "$@"; then
		got=$((got + $#))
		return
	fi
	for name do
		if [ "./$name" -ef "$work/new/$name" ]; then
			got=$((got + 1))
		else
			settle "$name" "" "" "$work/new/$name"
		fi
	done
}

# link NAME ... is for within the folder of the names.
link() {
	base=$root/$work/new/
	for name do
		shift
		set -- "$@" "$base$name"
	done
	ln "$@" . 2>/dev/null
}

# settle NAME SHA256 SIZE FILE gives a download its name.
settle() {
	case $1 in
	*/*) to=${1%/*} ;;
	*) to=. ;;
	esac
	if into "$to" name "$4" "${1##*/}"; then
		got=$((got + 1))
	elif there "$1"; then
		if [ -z "$2$3" ]; then
			same "$1" "$4"
		else
			keep "$1" "$2" "$3"
		fi
	else
		failed "$1: it cannot be written here."
	fi
}

# name FILE NAME gives a download its name, unless that has been taken meanwhile.
# Where the name is now that of a folder, ln puts the download into it. Where the
# file system has no links, mv has to do.
name() {
	if ! ln "$root/$1" "./$2" 2>/dev/null; then
		! there "$2" && mv "$root/$1" "./$2"
	elif [ -d "./$2" ]; then
		rm -f "./$2/${1##*/}"
		return 1
	fi
}

# into FOLDER COMMAND ... does it in a folder, which is made where it is missing,
# but never in one to which a link leads out of here.
into() {
	(
		if [ "$1" != . ]; then
			mkdir -p "./$1" && cd -P "./$1" || exit 1
			case $(pwd -P)/ in
			"$root"/*) ;;
			*) exit 1 ;;
			esac
		fi
		shift
		"$@"
	) 2>/dev/null
}

# way NAME: whether the folders of a file are there or can be made. Otherwise
# obstacle is what stands there instead: a file, or a link.
way() {
	case $1 in
	*/*) [ "${1%/*}" = "$looked" ] || look "${1%/*}" ;;
	*) return 0 ;;
	esac
	[ -z "$obstacle" ]
}

look() {
	looked=$1 obstacle= left=$1/ path=.
	while [ -n "$left" ]; do
		path=$path/${left%%/*} left=${left#*/}
		if [ -h "$path" ] || { [ -e "$path" ] && [ ! -d "$path" ]; }; then
			obstacle=${path#./}
			return
		fi
	done
}

# there NAME. A link that leads nowhere has the name too.
there() {
	[ -e "./$1" ] || [ -h "./$1" ]
}

# keep NAME SHA256 SIZE
keep() {
	if [ -f "./$1" ] && right "./$1" "$2" "$3"; then
		have=$((have + 1))
	else
		taken "$1"
	fi
}

# same NAME FILE
same() {
	if [ -f "./$1" ] && [ "$($hasher <"./$1")" = "$($hasher <"$2")" ]; then
		have=$((have + 1))
	else
		taken "$1"
	fi
}

taken() {
	failed "$1: there is another file of this name. It stays as it is; move it away to get this one."
}

# right FILE SHA256 SIZE
right() {
	if [ -z "$2" ]; then
		bytes=$(wc -c <"$1") && [ "${bytes##* }" = "$3" ]
	elif listed "$2" "$3"; then
		sum=$($hasher <"$1") && [ "${sum%% *}" = "$2" ]
	else
		sum=$($fast <"$1") && [ "${sum%% *}" = "$2" ]
	fi
}

# download fetches all that is missing by one curl. What it ends with says nothing:
# with many transfers at once it is 0 after failures in some versions, so every file
# is looked at afterwards.
download() {
	[ -s "$work/config" ] || return 0
	many=
	if curl -q --parallel --no-progress-meter --version >/dev/null 2>&1; then # from 7.67 on
		many='--parallel --parallel-max 48 --no-progress-meter'
	elif curl -q --parallel --version >/dev/null 2>&1; then
		many='--parallel --parallel-max 48'
	fi
	curl -q --config "$work/config" $options $many --write-out '%{stderr}.\n' </dev/null >/dev/null 2>"$work/done" &
	curl=$!
	watch
	wait "$curl"
	curl=
}

# watch shows on a terminal how far the download is, as long as the script runs.
watch() {
	[ -t 2 ] || return 0
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		set -- $(wc -l <"$work/done") $(du -sk "$work/new")
		printf '\rfetch.sh: %s of %s files, %s of %s MB\033[K' "$1" "$missing" $(($2 * 1024 / 1000000)) $((size / 1000000)) >&2
	done &
	watcher=$!
}

# unwatch takes the line away again.
unwatch() {
	if [ -n "$watcher" ]; then
		kill "$watcher"
		wait "$watcher"
		watcher=
		printf '\r\033[K'
	fi 2>&9
}

# prepare makes the folder that downloads are in until they are right, and removes
# those of runs that were killed, but for what is to be taken over. Such a folder is
# moved before: what a curl that was left alone still begins has no place any more.
prepare() {
	for old in .fetch-[0-9]*; do
		pid=${old#.fetch-}
		case $pid in
		*[!0-9]*) continue ;;
		esac
		if [ ! -h "$old" ] && [ -f "$old/of-fetch.sh" ] && { [ "$pid" -eq $$ ] || ! kill -0 "$pid" 2>/dev/null; }; then
			mv "$old" "$old.old" 2>/dev/null
		fi
	done
	mkdir -m 700 "$work" && : >"$work/of-fetch.sh" && mkdir "$work/new" || return
	for old in .fetch-[0-9]*.old; do
		if [ ! -h "$old" ] && [ -f "$old/of-fetch.sh" ]; then
			[ -d "$work/old" ] || mv "$old/new" "$work/old" 2>/dev/null
			rm -rf "./$old"
		fi
	done
}

# cleanup leaves nothing, but what the next run can take over from one that was
# interrupted.
cleanup() {
	ended=$?
	trap '' HUP INT TERM
	if [ -n "$curl" ]; then
		kill "$curl"
		wait "$curl"
	fi 2>/dev/null
	unwatch 9>&2 2>/dev/null
	if [ -n "$interrupted" ] && [ -n "$(find "$work/new" -type f -size +1953 2>/dev/null)" ]; then # of 512 bytes
		say "interrupted. Run it again to go on: large files that have come are kept in $work until then."
	else
		rm -rf "$work"
	fi
	exit $ended # mksh forgets it
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
	fast= large=8388608
	! command -v openssl >/dev/null 2>&1 || fast='openssl dgst -sha256 -r'
	if ! command -v curl >/dev/null 2>&1; then
		say "curl is not there: install it."
		exit 2
	fi
	case ${1-} in
	-*) set -- "./$1" ;;
	esac
	if [ $# -gt 0 ]; then
		mkdir -p "$1" && cd "$1" || exit 2
	fi
	root=$(pwd -P) && root=${root%/}
	work=.fetch-$$
	part=$work/part
	options='--fail --silent --globoff --http1.1 --proto =http,https --connect-timeout 30 --speed-limit 1 --speed-time 60 --retry 3'
	curl= watcher= interrupted= next= names= gathered=. looked= obstacle= made=
	all=0 missing=0 size=0 count=0 lost=0
	if ! prepare; then
		say "nothing can be written into this folder."
		exit 2
	fi
	trap cleanup EXIT
	trap 'interrupted=1; exit 130' HUP INT TERM
	pass=plan
	files 3>"$work/config" 4>"$work/sums"
	download
	[ ! -s "$work/sums" ] || $hasher -c "$work/sums" >"$work/result" 2>/dev/null
	unwatch 9>&2 2>/dev/null
	pass=take looked= obstacle=
	[ -e "$work/result" ] || : >"$work/result"
	exec 5<"$work/result"
	advance
	files
	place
	printf '%s downloaded, %s already there, %s failed\n' "$got" "$have" "$bad"
	if [ "$bad" -eq 0 ]; then
		exit 0
	fi
	if [ "$(expr "$(date -u +%Y%m%d%H%M%S)" '>=' 20060102150405)" = 1 ]; then # mksh counts to 2^31
		say "The links of this script ended at 2006-01-02T15:04:05Z. Get a fresh script from where it came from."
	fi
	exit 1
}

main ${1+"$@"}
}
