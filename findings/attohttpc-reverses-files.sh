#!/bin/sh
# attohttpc sends the files of a form in reverse order.
#
# Versions:  attohttpc 0.30.1.
# Expected:  the parts in the order in which with_file added them, as RFC 7578 (5.2)
#            asks, and as texts of the same builder are sent.
# Behaviour: the last file comes first.
# Hurts:     who sends pages, chunks or frames as files of one name: the server numbers
#            them the other way round, and nothing fails.
set -eu
command -v cargo >/dev/null || { echo "SKIPPED: needs Rust"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

mkdir src
cat >Cargo.toml <<'T'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"
[dependencies]
attohttpc = { version = "=0.30.1", default-features = false, features = ["multipart-form"] }
T
cat >src/main.rs <<'R'
use attohttpc::{MultipartBuilder, MultipartFile};
use std::io::{Read, Write};
use std::net::TcpListener;

fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
        while !seen.ends_with(b"0\r\n\r\n") {
            let n = socket.read(&mut piece).unwrap();
            assert!(n > 0, "the request was cut");
            seen.extend_from_slice(&piece[..n]);
        }
        socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8(seen).unwrap()
    });
    let mut form = MultipartBuilder::new().with_text("text", "t1").with_text("text", "t2");
    for body in [b"f1", b"f2", b"f3"] {
        form = form.with_file(MultipartFile::new("files", body).with_filename("page.txt"));
    }
    attohttpc::post(&url).body(form.build().unwrap()).send().unwrap();
    let sent = server.join().unwrap();
    let order: Vec<&str> = sent.lines().map(str::trim).filter(|l| l.len() == 2 && (l.starts_with('t') || l.starts_with('f'))).collect();
    println!("added t1 t2 f1 f2 f3, sent {}", order.join(" "));
    std::process::exit((order != ["t1", "t2", "f3", "f2", "f1"]) as i32);
}
R
cargo build -q
target/debug/finding
