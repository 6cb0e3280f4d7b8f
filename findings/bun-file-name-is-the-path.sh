#!/bin/sh
# Bun sends the path of a file on the sender's disk as the file's name.
#
# Versions:  Bun 1.4.5 (npm), beside Node 20.
# Expected:  FormData.append("files", blob) without a name gives "blob", by the
#            standard; where a Bun.file() knows a name, its last part at most, as
#            browsers and curl send it.
# Behaviour: the filename of the part is the whole path as it was opened, folders of
#            the user's home included. openAsBlob of Node sends "blob".
# Hurts:     users whose user name, customers' and projects' names go to the server
#            with each upload; and servers that keep names, with slashes in them.
set -eu
command -v npm >/dev/null || { echo "SKIPPED: needs Node 20"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

npm install --silent --no-fund --no-audit --ignore-scripts --prefix "$work" bun@1.4.5
mkdir -p jane/secret-project
echo text >jane/secret-project/a.txt
cat >bun.mjs <<'J'
const form = new FormData();
form.append("files", Bun.file(process.argv[2]));
process.stdout.write(await new Response(form).text());
J
cat >node.mjs <<'J'
import {openAsBlob} from "node:fs";
const form = new FormData();
form.append("files", await openAsBlob(process.argv[2]));
process.stdout.write(await new Response(form).text());
J
bun=$(find node_modules/@oven -name bun -type f | grep -v -e musl -e baseline | head -n 1)
name() { sed -n 's/.*filename="\([^"]*\)".*/\1/p'; }
path=$PWD/jane/secret-project/a.txt
bun=$("$bun" bun.mjs "$path" | name)
node=$(node node.mjs "$path" | name)
echo "Bun sends the name  $bun" | sed "s|$PWD|/home|"
echo "Node sends the name $node"
[ "$bun" = "$path" ] && [ "$node" = blob ]
