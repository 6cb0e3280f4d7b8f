#!/bin/sh
{
# Sends files and folders to conversation CONVERSATION:
#
#   SESSION_API_KEY=… sh put.sh [-u] report.pdf out/ film.mp4
#
# The session key comes from the environment variable SESSION_API_KEY, or is asked
# for on a terminal. A file is sent under the path that is given here, below a
# folder under its path in it; of a path that begins with / or .. its last element
# stays. Nothing that is there is overwritten: a name that is taken by other bytes
# gets another one, and what is there already as it is is not sent again.
#
# It prints a line for each file: its path, and the name that it is stored under,
# with a tab between, and with -u a URL that downloads it after another tab. It ends
# with 0 if every file is there, with 1 if some are not, each of which it names, with
# 2 if it could not begin, with 3 if the session key is not right, and with 130 if it
# was interrupted. Run it again to go on: what is there is not stored twice, and an
# upload in parts goes on with the parts that are missing.
#
# It needs sh, curl, sha256sum or shasum, and find for folders; it hashes large
# files by openssl where that is there, which is some times as fast. PUT_URL is the
# address of the conversation where the one below is not right.

set -u
LC_ALL=C
CDPATH=
export LC_ALL
newline='
'
tab='	'
return=$(printf '\r')
url=${PUT_URL:-}
[ -n "$url" ] || url=ADDRESS

# What goes into one form: bytes and files. More than FORM_BYTES does not fit into
# one request with its base64, and such a file goes straight to S3.
form_bytes=4000000 form_files=100
# From here on a file goes in parts, of which each is sent anew if it fails.
many_bytes=${PUT_PARTS_ABOVE:-1073741824} part_bytes=16777216

say() {
	printf 'put.sh: %s\n' "$1" >&2
}

# failed PATH WHY
failed() {
	say "$1: $2"
	bad=$((bad + 1))
}

# full ends a run whose lists would not be whole.
full() {
	say "there is no space in $work for the lists of this run. Set TMPDIR to a folder that has space, and run this again."
	exit 1
}

# write TEXT writes a line. It may hold the session key, and other users of the
# machine see the arguments of programs: so this is none, whatever the shell has
# built in.
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

# quote TEXT makes quoted of it, fit to stand between double quotes.
quote() {
	quoted=$1
	case $1 in
	*[\\\"]*) quoted=$(write "$1" | sed 's/[\\"]/\\&/g') ;;
	esac
}

# twice TEXT is quote for what stands between quotes in such a text.
twice() {
	quote "$1"
	quote "$quoted"
}

# setting NAME VALUE is one of curl's options.
setting() {
	quote "$2"
	write "$1 = \"$quoted\""
}

# common are the options of each request. It comes without asking whether it may.
common() {
	write 'silent
globoff
http1.1
proto = "=http,https"
connect-timeout = 30
speed-limit = 1
speed-time = 60
retry = 3
header = "Expect:"'
}

# ask URL ACCEPT is a request to the API. It comes by standard input, since the
# session key is in it.
ask() {
	setting url "$1"
	setting header "X-Session-API-Key: $SESSION_API_KEY"
	setting header "Accept: $2"
	common
}

# answered: whether any request of the last run was.
answered() {
	grep -q ' [1-9]' "$work/codes"
}

# alive: whether the API answers now.
alive() {
	{
		ask "$url/put.sh" '*/*'
		setting output "$work/answer-0"
		write 'write-out = "0 %{http_code}\n"'
	} | run >"$work/codes"
	answered
}

# run sends the requests on standard input, and prints what they write out: their
# number and the status of the answer.
run() {
	curl -q $many --config - 2>/dev/null
}

# why STATUS ANSWER makes why of what an answer says.
why() {
	why=
	[ ! -f "$2" ] || why=$(sed -n 's/.*"detail":"\([^"]*\)".*/\1/p' "$2")
	case $1 in
	'' | 000) why="nothing answered. Try again." ;;
	*) why="${why:-The answer was $1.}" ;;
	esac
}

# --- What is to be sent. work/small and work/large get a line for each file: its
# size, its name, and its path, with tabs between.

# argument PATH
argument() {
	if [ -z "$1" ]; then
		failed "''" "an argument is empty, and names no file."
		return
	fi
	path=${1%"${1##*[!/]}"}
	[ -n "$path" ] || path=/
	name=$path
	while :; do
		case $name in
		./*) name=${name#./} ;;
		*) break ;;
		esac
	done
	case $name/ in
	/* | ../* | */../*) name=${name##*/} ;;
	esac
	case $path in
	-*) path=./$path ;;
	esac
	if [ -d "$path" ] && [ ! -h "$path" ]; then
		case $name in
		. | .. | '') name= ;;
		*) name=$name/ ;;
		esac
		folder "$path" "$name"
	else
		file "$path" "$name"
	fi
}

# folder PATH NAME. find does not follow links, and so neither does this. The folders
# of fetch.sh's runs have what is not whole.
folder() {
	if ! command -v find >/dev/null 2>&1; then
		failed "$1" "it is a folder, and find is not there: install it, or name its files."
		return
	fi
	: >"$work/found"
	if ! find "$1/." -type d -name '.fetch-[0-9]*' -prune -o ! -type d -exec sh -c 'for f do case $f in *"
"*) f=/ ;; esac; printf "%s\n" "$f" || exit; done' sh {} + >"$work/found" 2>"$work/errors"; then
		IFS= read -r line 2>/dev/null <"$work/errors" || line="it cannot be listed"
		failed "$1" "${line#find: }. Not all that is in there is known; make it readable, and see that $work has space."
	fi
	# Their sizes, by few programs: those that are missing here are asked for alone.
	find "$1/." -type d -name '.fetch-[0-9]*' -prune -o -type f -exec wc -c {} + >"$work/sizes" 2>/dev/null
	exec 7<"$work/sizes"
	weigh "$1/./"
	n=0
	while IFS= read -r f; do
		n=$((n + 1))
		if [ "$f" = / ]; then
			failed "$1" "a file in it has a line break in its name. Rename it."
		else
			below=${f#"$1/./"} size=
			if [ "$below" = "$weighed" ]; then
				size=$weight
				weigh "$1/./"
			fi
			file "$1/$below" "$2$below" "$size"
		fi
	done <"$work/found"
	exec 7<&-
	if [ $n -ne $(wc -l <"$work/found") ]; then # yash reads only what its locale allows
		failed "$1" "this shell cannot read all names in it. Use another shell."
	fi
}

# weigh FOLDER goes to the next size in the list: weighed is the name below FOLDER,
# weight its bytes. Totals are passed over.
weigh() {
	while IFS= read -r line <&7; do
		line=${line#"${line%%[! ]*}"} # some write spaces before it
		case ${line#* } in
		"$1"*)
			weight=${line%% *} weighed=${line#* }
			weighed=${weighed#"$1"}
			return
			;;
		esac
	done
	weighed=
}

# file PATH NAME [SIZE]
file() {
	case $1 in
	*"$newline"* | *"$tab"* | *"$return"*)
		failed "$(printf '%s' "$1" | tr '\n\t\r' '???')" "its name has a line break or a tab in it. Rename it."
		return
		;;
	esac
	if [ -h "$1" ]; then
		failed "$1" "it is a link. Name the file that it leads to."
	elif [ ! -e "$1" ]; then
		failed "$1" "there is no such file."
	elif [ ! -f "$1" ]; then
		failed "$1" "it is no ordinary file, and may have no end."
	elif [ ! -r "$1" ]; then
		failed "$1" "it cannot be read. Make it readable."
	else
		all=$((all + 1))
		size=${3-}
		if [ -z "$size" ] && ! size=$(wc -c <"$1"); then
			failed "$1" "it cannot be read."
			return
		fi
		size=${size##* } # some write spaces before it
		if [ "$((size))" != "$size" ]; then # in mksh numbers have 32 bits
			failed "$1" "it is larger than this shell can count. Use another shell."
		elif [ "$size" -gt $form_bytes ]; then
			write "$size$tab$2$tab$1" >>"$work/large" || full
		else
			write "$size$tab$2$tab$1" >>"$work/small" || full
		fi
	fi
}

# --- Small files go together.

# forms [1] makes forms of the list on standard input, and with an argument one of
# each file: work/form-N has the lines of its files.
forms() {
	form=0 bytes=$form_bytes count=0
	while IFS=$tab read -r size name path; do
		bytes=$((bytes + size + 300)) count=$((count + 1))
		if [ $form -eq 0 ] || [ -n "${1-}" ] || [ $bytes -gt $form_bytes ] || [ $count -gt $form_files ]; then
			form=$((form + 1)) bytes=$size count=1
		fi
		write "$size$tab$name$tab$path" >>"$work/form-$form" || full
	done
}

# requests writes those of all forms.
requests() {
	n=0
	while [ $n -lt $form ]; do
		[ $n -eq 0 ] || write next
		n=$((n + 1))
		ask "$url/upload-files" text/tab-separated-values
		setting output "$work/answer-$n"
		write "write-out = \"$n %{http_code}\\n\""
		while IFS=$tab read -r size name path; do
			twice "$path"
			path=$quoted
			twice "$name"
			write "form = \"files=@\\\"$path\\\";filename=\\\"$quoted\\\"\""
		done <"$work/form-$n"
	done
}

# small sends the list that is its first argument, with a second each file alone.
# What did not arrive is in work/again then, to be sent alone. It is 1 where nothing
# can arrive.
small() {
	rm -f "$work"/form-* "$work"/answer-*
	: >"$work/again"
	forms ${2-} <"$1"
	requests | run >"$work/codes"
	n=0 refused=0
	while [ $n -lt $form ]; do
		n=$((n + 1))
		code=$(sed -n "s/^$n //p" "$work/codes")
		case $code${2-} in
		200*) receipts "$n" "${2-}" ;;
		401*) refused=1 ;;
		4131) cat "$work/form-$n" >>"$work/large" ;;
		*1)
			why "$code" "$work/answer-$n"
			IFS=$tab read -r size name path <"$work/form-$n"
			failed "$path" "$why"
			;;
		*) cat "$work/form-$n" >>"$work/again" ;;
		esac
	done
	return $refused
}

# receipts N [1] holds the receipts of a form against its files, line by line.
receipts() {
	exec 6<"$work/answer-$1"
	IFS= read -r line <&6 # the names of the fields
	while IFS=$tab read -r size name path; do
		if ! IFS=$tab read -r result sum bytes stored detail <&6; then
			result=skipped sum=not_stored detail="its receipt is missing. Send it again."
		fi
		case $result,$sum$2 in
		skipped,not_stored) write "$size$tab$name$tab$path" >>"$work/again" ;;
		skipped,*) failed "$path" "$detail" ;;
		*)
			write "$sum  $path" >>"$work/sums"
			write "$stored$tab$detail$tab$path" >>"$work/told"
			;;
		esac
	done <"$work/form-$1"
	exec 6<&-
}

# check holds the hashes of all receipts against the files, by one program, and
# tells of those that are right.
check() {
	[ -s "$work/told" ] || return 0
	$hasher -c "$work/sums" >"$work/result" 2>/dev/null
	exec 6<"$work/told"
	while IFS= read -r line; do
		IFS=$tab read -r stored detail path <&6
		case $line in
		*': OK') tell "$path" "$stored" "$detail" ;;
		*) failed "$path" "it changed while it was sent. What was sent is stored as $stored; send it again." ;;
		esac
	done <"$work/result"
	exec 6<&-
	: >"$work/told"
}

# tell PATH STORED URL
tell() {
	if [ -n "$urls" ]; then
		write "$1$tab$2$tab$3"
	else
		write "$1$tab$2"
	fi
	sent=$((sent + 1))
}

# --- Large files go straight to S3, which holds them against their hashes.

# large sends those of work/large. Each is asked for before it is sent, and again
# afterwards: the answer is its receipt when it is there, and otherwise how it is to
# be sent. It is 1 where nothing can arrive.
large() {
	: >"$work/plan"
	while IFS=$tab read -r size name path; do
		: >"$work/begun"
		if ! sum=$($big <"$path" 2>/dev/null); then
			failed "$path" "it cannot be read."
		elif [ "$size" -gt "$many_bytes" ]; then
			parts "$size" "${sum%% *}" "$name" "$path" || return
		else
			write "$size$tab${sum%% *}$tab$name$tab$path" >>"$work/plan"
		fi
	done <"$work/large"
	for round in 1 2 3; do
		[ -s "$work/plan" ] || return 0
		rm -f "$work"/answer-*
		plans | run >"$work/codes"
		: >"$work/go"
		: >"$work/left"
		n=0
		while IFS=$tab read -r size sum name path; do
			n=$((n + 1))
			code=$(sed -n "s/^$n //p" "$work/codes")
			IFS= read -r first 2>/dev/null <"$work/answer-$n" || first=
			case $code,$first in
			200,result*) receipt "$n" "$sum" "$path" ;;
			200,url*)
				if [ $round -eq 3 ]; then
					failed "$path" "it did not arrive. Run this again."
				else
					write "$size$tab$sum$tab$name$tab$path" >>"$work/left"
					write "$n$tab$path" >>"$work/go"
				fi
				;;
			401,*) return 1 ;;
			4*)
				why "$code" "$work/answer-$n"
				failed "$path" "$why"
				;;
			*)
				if [ $round -eq 3 ] || ! answered; then
					why "$code" "$work/answer-$n"
					failed "$path" "$why"
				else
					write "$size$tab$sum$tab$name$tab$path" >>"$work/left"
				fi
				;;
			esac
		done <"$work/plan"
		puts | run >"$work/codes"
		mv "$work/left" "$work/plan"
	done
}

# plans asks for each file of work/plan.
plans() {
	n=0
	while IFS=$tab read -r size sum name path; do
		[ $n -eq 0 ] || write next
		n=$((n + 1))
		ask "$url/s3/params" text/x-curl-config
		setting output "$work/answer-$n"
		write "write-out = \"$n %{http_code}\\n\""
		write get
		setting data-urlencode "filename=$name"
		write "data = \"size=$size\""
		write "data = \"sha256=$sum\""
	done <"$work/plan"
}

# puts sends each file of work/go as its answer says.
puts() {
	next=
	while IFS=$tab read -r n path; do
		[ -z "$next" ] || write next
		next=1
		cat "$work/answer-$n"
		common
		setting upload-file "$path"
		setting output "$work/put-$n"
		write "write-out = \"$n %{http_code}\\n\""
	done <"$work/go"
}

# receipt N SHA256 PATH holds the receipt of a file against its hash.
receipt() {
	{
		IFS= read -r line # the names of the fields
		IFS=$tab read -r result sum bytes stored detail
	} <"$work/answer-$1"
	if [ "$sum" = "$2" ]; then
		tell "$3" "$stored" "$detail"
	else
		failed "$3" "it is stored as $stored with another hash. Send it again."
	fi
}

# --- A very large file goes in parts. What S3 calls the upload is kept until the
# file is there, so that the next run goes on with it.

# parts SIZE SHA256 NAME PATH is 1 where nothing can arrive.
parts() {
	size=$1 sum=$2 name=$3 path=$4 saved=$state/$2
	part=$part_bytes
	while [ $((size / part)) -ge 10000 ]; do
		part=$((part * 2))
	done
	count=$(((size + part - 1) / part))
	begin || return
	[ -n "$id" ] || return 0
	for round in 1 2 3; do
		n=0 missing=0
		while [ $n -lt $count ]; do
			n=$((n + 1)) length=$part
			[ $n -lt $count ] || length=$((size - part * (count - 1)))
			if ! grep -q "^$n$tab$length$tab" "$work/parts"; then
				missing=$((missing + 1))
				send_part &
				[ $((missing % 4)) -ne 0 ] || wait
			fi
		done
		wait
		[ $missing -gt 0 ] || break
		listing || break
	done
	if changed; then
		rm -f "$saved"
		request DELETE "" application/json </dev/null >/dev/null
		failed "$path" "it changed while it was sent. Nothing of it is stored; send it again."
		return 0
	fi
	finish
}

# changed: whether the file is another one than when it was hashed. A time alone
# says nothing: clocks differ.
changed() {
	[ "$path" -nt "$work/begun" ] && ! { now=$($big <"$path" 2>/dev/null) && [ "${now%% *}" = "$sum" ]; }
}

# begin makes key and id of the upload; id is empty where there is nothing to do.
begin() {
	key= id=
	if [ -f "$saved" ]; then
		{
			IFS= read -r target
			IFS=$tab read -r key id
		} <"$saved"
		if [ "$target" = "$url$tab$name" ]; then
			if listing; then
				return 0
			fi
			id=
			case $code in
			400 | 404) rm -f "$saved" ;; # it has ended
			401) return 1 ;;
			*)
				why "$code" "$work/parts"
				failed "$path" "$why"
				return 0
				;;
			esac
		fi
	fi
	id=
	code=$({
		ask "$url/s3/multipart" text/tab-separated-values
		setting output "$work/answer-1"
		write 'write-out = "%{http_code}"'
		setting data-urlencode "filename=$name"
		write "data = \"size=$size\""
		write "data = \"sha256=$sum\""
	} | run)
	case $code in
	200) ;;
	401) return 1 ;;
	*)
		why "$code" "$work/answer-1"
		failed "$path" "$why"
		return 0
		;;
	esac
	IFS= read -r line <"$work/answer-1"
	case $line in
	result*) receipt 1 "$sum" "$path" ;;
	*)
		line=$(sed -n 2p "$work/answer-1")
		key=${line%%"$tab"*} id=${line#*"$tab"}
		: >"$work/parts"
		{
			write "$url$tab$name"
			write "$line"
		} >"$saved"
		;;
	esac
}

# request METHOD REST ACCEPT sends a request about the upload, with more options on
# its standard input, and prints the status of the answer.
request() {
	{
		ask "$url/s3/multipart/$id$2?key=$(encoded "$key")" "$3"
		setting request "$1"
		write 'write-out = "%{http_code}"'
		cat
	} | run
}

# encoded TEXT is fit for a query.
encoded() {
	set -- $(write "$1" | od -An -v -tx1)
	query=
	while [ $# -gt 1 ]; do # the last one is the line's end
		query=$query%$1
		shift
	done
	printf '%s' "$query"
}

# listing leaves in work/parts what has arrived.
listing() {
	code=$(setting output "$work/parts" | request GET "" text/tab-separated-values)
	[ "$code" = 200 ]
}

# send_part is about part n, of length bytes. Its bytes come by standard input.
send_part() {
	setting output "$work/part-$n" | request GET "/$n" text/x-curl-config >/dev/null
	{
		common
		write 'data-binary = "@-"
header = "Content-Type:"'
		setting output "$work/sent-$n"
	} >>"$work/part-$n"
	dd if="$path" bs=1048576 skip=$((part / 1048576 * (n - 1))) count=$((part / 1048576)) 2>/dev/null |
		curl -q --config "$work/part-$n" 2>/dev/null
	rm -f "$work/part-$n" "$work/sent-$n"
}

# finish makes the file of its parts.
finish() {
	{
		write '{"Parts":['
		comma=
		sed 1d "$work/parts" | while IFS=$tab read -r n length etag; do
			write "$comma{\"PartNumber\":$n,\"ETag\":\"$etag\"}"
			comma=,
		done
		write ']}'
	} >"$work/body"
	code=$({
		setting output "$work/answer-1"
		write 'header = "Content-Type: application/json"'
		setting data "@$work/body"
	} | request POST /complete text/tab-separated-values)
	case $code in
	200)
		rm -f "$saved"
		receipt 1 "$sum" "$path"
		;;
	401) return 1 ;;
	404) # it is there if only the answer was lost, or another run was faster
		rm -f "$saved"
		begin || return
		[ -z "$id" ] || failed "$path" "its upload has ended meanwhile. Run this again."
		;;
	*)
		[ "$code" != 409 ] || rm -f "$saved"
		why "$code" "$work/answer-1"
		failed "$path" "$why"
		;;
	esac
}

# --- And all together.

# key asks for the session key where the environment has none.
key() {
	if [ -z "${SESSION_API_KEY-}" ]; then
		if ! { : </dev/tty; } 2>/dev/null; then
			say "there is no session key: set the environment variable SESSION_API_KEY."
			exit 2
		fi
		trap 'stty echo </dev/tty' EXIT
		printf 'Session key: ' >/dev/tty
		stty -echo </dev/tty
		IFS= read -r SESSION_API_KEY </dev/tty
		stty echo </dev/tty
		printf '\n' >/dev/tty
	fi
	case $SESSION_API_KEY in
	'' | *"$newline"*)
		say "the session key is not one line of text."
		exit 2
		;;
	esac
}

denied() {
	check
	say "the session key does not open this conversation, or no longer. Nothing more is sent."
	exit 3
}

cleanup() {
	ended=$?
	trap '' HUP INT TERM
	rm -rf "$work"
	exit $ended # mksh forgets it
}

# tidy removes the folders of runs that were killed, in which signed URLs are.
tidy() {
	for old in "${TMPDIR:-/tmp}"/put.sh-[0-9]*-*; do
		pid=${old##*/put.sh-}
		pid=${pid%%-*}
		case $pid in
		*[!0-9]*) continue ;;
		esac
		[ -h "$old" ] || [ ! -O "$old" ] || kill -0 "$pid" 2>/dev/null || rm -rf "$old"
	done
}

main() {
	urls=
	case ${1-} in
	-u)
		urls=yes
		shift
		;;
	esac
	[ "${1-}" != -- ] || shift
	if [ $# -eq 0 ]; then
		say "name the files and folders to send: SESSION_API_KEY=… sh put.sh [-u] FILE …"
		exit 2
	fi
	if command -v sha256sum >/dev/null 2>&1; then
		hasher=sha256sum
	elif command -v shasum >/dev/null 2>&1; then
		hasher='shasum -a 256'
	else
		say "neither sha256sum nor shasum is there: install one of them."
		exit 2
	fi
	big=$hasher
	! command -v openssl >/dev/null 2>&1 || big='openssl dgst -sha256 -r'
	if ! command -v curl >/dev/null 2>&1; then
		say "curl is not there: install it."
		exit 2
	fi
	trap 'exit 130' HUP INT TERM
	key
	many=
	if curl -q --parallel --no-progress-meter --version >/dev/null 2>&1; then # from 7.67 on
		many='--parallel --parallel-max 8 --no-progress-meter'
	elif curl -q --parallel --version >/dev/null 2>&1; then
		many='--parallel --parallel-max 8'
	fi
	tidy
	work=${TMPDIR:-/tmp}/put.sh-$$-
	if ! work=$(mktemp -d "${work}XXXXXX" 2>/dev/null || { mkdir -m 700 "${work}0" && write "${work}0"; }); then
		say "nothing can be written into ${TMPDIR:-/tmp}: set TMPDIR to a folder that has space."
		exit 2
	fi
	trap cleanup EXIT
	state=${XDG_STATE_HOME:-${HOME:-$work}/.local/state}/put.sh
	mkdir -p -m 700 "$state" 2>/dev/null || state=$work
	bad=0 all=0 sent=0
	for list in small large sums told; do
		: >"$work/$list"
	done
	for argument do
		argument "$argument"
	done
	small "$work/small" || denied
	if [ -s "$work/again" ] && ! answered && ! alive; then
		while IFS=$tab read -r size name path; do
			failed "$path" "nothing answered. Try again."
		done <"$work/again"
	elif [ -s "$work/again" ]; then
		mv "$work/again" "$work/alone"
		small "$work/alone" 1 || denied
	fi
	check
	large || denied
	if [ $bad -eq 0 ] && [ $sent -ne $all ]; then
		failed "$work" "some files are on no list there. Set TMPDIR to a folder that has space, and run this again."
	fi
	say "$sent sent, $bad failed"
	[ $bad -eq 0 ]
}

main ${1+"$@"}
}
