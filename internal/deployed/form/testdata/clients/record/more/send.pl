# Sends the files of a folder by LWP: perl send.pl <address> <folder>.
use strict;
use warnings;
use HTTP::Request::Common qw(POST);
use LWP::UserAgent;

my ($address, $folder) = @ARGV;
opendir my $dir, $folder or die $!;
my @files = map { (files => ["$folder/$_", $_]) } sort grep { !/^\.\.?$/ } readdir $dir;
my $answer = LWP::UserAgent->new->request(
    POST "$address/perl/$LWP::UserAgent::VERSION", Content_Type => "form-data", Content => \@files);
die $answer->status_line unless $answer->is_success;
