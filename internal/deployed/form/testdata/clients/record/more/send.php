<?php
// Sends the files of a folder by Guzzle: php send.php <address> <folder>.
require "GuzzleHttp/autoload.php";

[, $address, $folder] = $argv;
$parts = [];
foreach (array_diff(scandir($folder), [".", ".."]) as $name) {
    $parts[] = ["name" => "files", "contents" => fopen("$folder/$name", "r"), "filename" => $name];
}
$version = trim(shell_exec("dpkg-query -W -f '\${Version}' php-guzzlehttp-guzzle"));
(new GuzzleHttp\Client())->post("$address/guzzle/$version", ["multipart" => $parts]);
