# Reads the archive on standard input while it comes.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use IO::Uncompress::Unzip qw($UnzipError);

binmode STDIN;
my $zip = IO::Uncompress::Unzip->new(\*STDIN) or die $UnzipError;
my $status = 1;
while ($status > 0) {
    my $path = "$ARGV[0]/" . $zip->getHeaderInfo->{Name};
    utf8::encode($path) if utf8::is_utf8($path);
    make_path(dirname($path));
    open my $out, '>:raw', $path or die "$path: $!";
    my $buffer;
    while (($status = $zip->read($buffer)) > 0) { print $out $buffer or die $! }
    close $out or die $!;
    die $UnzipError if $status < 0;
    $status = $zip->nextStream;
}
die $UnzipError if $status < 0;
