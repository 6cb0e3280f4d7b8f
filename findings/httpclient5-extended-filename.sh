#!/bin/sh
# Apache HttpClient 5 percent-encodes a file name twice in its EXTENDED mode.
#
# Versions:  httpclient5 5.5 (MultipartEntityBuilder, HttpMultipartMode.EXTENDED).
# Expected:  filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt, by RFC 8187, from the mode that
#            is there to write it.
# Behaviour: filename*="UTF-8''UTF-8%27%27%25E6%2597%25A5%25E6%259C%25AC.txt": the
#            finished value, charset included, is encoded once more, and put in
#            quotation marks, which the RFC does not allow. The plain filename is
#            percent-encoded too.
# Hurts:     who chose the mode for names beyond Latin-1: a reader that follows the
#            RFC gets UTF-8''%E6%97%A5%E6%9C%AC.txt for a name, and no other reader
#            gets the right one.
set -eu
command -v mvn >/dev/null || { echo "SKIPPED: needs Maven and Java 17"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"

cat >pom.xml <<'X'
<project>
  <modelVersion>4.0.0</modelVersion><groupId>finding</groupId><artifactId>finding</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.httpcomponents.client5</groupId><artifactId>httpclient5</artifactId><version>5.5</version></dependency>
  </dependencies>
</project>
X
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >log 2>&1 || { cat log; exit 1; }
cat >Finding.java <<'J'
import java.io.ByteArrayOutputStream;
import org.apache.hc.client5.http.entity.mime.*;
import org.apache.hc.core5.http.ContentType;

class Finding {
    public static void main(String[] args) throws Exception {
        var out = new ByteArrayOutputStream();
        MultipartEntityBuilder.create().setMode(HttpMultipartMode.EXTENDED)
            .addBinaryBody("files", "text".getBytes(), ContentType.TEXT_PLAIN, "\u65e5\u672c.txt")
            .build().writeTo(out);
        var line = out.toString("UTF-8").lines().filter(l -> l.startsWith("Content-Disposition")).findFirst().get();
        System.out.println(line);
        System.exit(line.contains("filename*=\"UTF-8''UTF-8%27%27%25E6%2597%25A5%25E6%259C%25AC.txt\"") ? 0 : 1);
    }
}
J
java -cp 'lib/*' Finding.java 2>log || { code=$?; cat log; exit "$code"; }
