#!/bin/sh
# Records further clients, as record.sh does, where Debian 12 and Maven have them:
#
#     apt-get install --no-install-recommends crystal gir1.2-soup-3.0 libwww-perl maven mono-mcs \
#         libmono-system-net-http4.0-cil php-guzzlehttp-guzzle pike8.0-core python3-gi ruby
#     ./record_more.sh
#
# What Vert.x sends is no form that is read; it goes to the tests of uploadapi.
set -eu
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
recorder=
clean_up() {
    [ -z "$recorder" ] || kill "$recorder"
    rm -rf "$work"
}
trap clean_up EXIT

cp -r "$here/more/." "$work"
cd "$work"
(cd java && mvn -q -B dependency:build-classpath -Dmdep.outputFile="$work/classpath")
mcs -r:System.Net.Http -out:send.exe send.cs

mkfifo address
python3 "$here/recorder.py" "$here/.." files > address &
recorder=$!
read -r address < address

ruby send.rb "$address" files
perl send.pl "$address" files
php send.php "$address" files
pike send.pike "$address" files
crystal run send.cr -- "$address" files
/usr/bin/python3 send_soup.py "$address" files
mono send.exe "$address" files "$(mono --version | awk 'NR == 1 { print $5 }')"
for client in httpclient5 okhttp jersey vertx; do
    java -cp "$(cat classpath)" java/SendMore.java "$client" "$address" files
done
mv "$here/../vertx.json" "$here/../../../../uploadapi/testdata/vertx.json"
