#!/bin/sh
# HTTP::Tiny::Multipart sends an empty file as the text HASH(0x…).
#
# Versions:  HTTP::Tiny::Multipart 0.08 (Debian 12, libhttp-tiny-multipart-perl).
# Expected:  a file whose content is the empty string is a part without content.
# Behaviour: an empty content counts as none, so the reference to the file's
#            description is printed in its place: some 20 bytes, with an address of
#            the process's memory, other ones in each run.
# Hurts:     who uploads logs, locks or __init__.py: they arrive with content, and
#            checksums of them never agree.
set -eu
command -v apt-get >/dev/null && command -v perl >/dev/null || { echo "SKIPPED: needs Debian 12 and Perl"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

apt-get download libhttp-tiny-multipart-perl=0.08-2 >log 2>&1 || { cat log; echo "SKIPPED: needs the package lists of Debian 12 (apt-get update)"; exit 77; }
dpkg -x libhttp-tiny-multipart-perl_*.deb root
perl -Iroot/usr/share/perl5 - <<'P'
use strict; use warnings;
use HTTP::Tiny; use HTTP::Tiny::Multipart;

# What would be sent, taken where HTTP::Tiny is asked to send it.
my %sent;
no warnings 'redefine';
*HTTP::Tiny::request = sub {
    my (undef, undef, undef, $arguments) = @_;
    %sent = map { /filename="(\w+)\.txt".*?\r\n\r\n(.*?)\r\n--/s ? ($1 => $2) : () } ref $arguments->{content} ? $arguments->{content}->() : $arguments->{content};
    return {success => 1};
};
for my $content ('text', '') {
    my $name = $content || 'empty';
    HTTP::Tiny->new->post_multipart('http://127.0.0.1/', {file => {filename => "$name.txt", content => $content}});
    print "$name.txt, ", length $content, " bytes, is sent as: $sent{$name}\n";
    exit 1 if $content and $sent{$name} ne 'text';
}
exit($sent{empty} =~ /^HASH\(0x[0-9a-f]+\)$/ ? 0 : 1);
P
