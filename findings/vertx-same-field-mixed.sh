#!/bin/sh
# Vert.x puts files of one field name into a multipart/mixed part, which forms gave
# up in 2015.
#
# Versions:  vertx-web-client 4.5.16.
# Expected:  two binaryFileUpload of the name "files" are two parts of that name, as
#            RFC 7578 (4.3) asks, and as every browser sends them.
# Behaviour: the second makes both one part of type multipart/mixed with a boundary
#            of its own, whose inner parts are called "attachment" and have no field
#            name. One file alone is sent as expected.
# Hurts:     upload forms of several files: most readers of forms refuse it, or take
#            the two for one file, and a test with one file does not show it.
#            multipartMixed(false) helps.
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
    <dependency><groupId>io.vertx</groupId><artifactId>vertx-web-client</artifactId><version>4.5.16</version></dependency>
  </dependencies>
</project>
X
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib >log 2>&1 || { cat log; exit 1; }
cat >Finding.java <<'J'
import com.sun.net.httpserver.HttpServer;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.multipart.MultipartForm;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

class Finding {
    static String sent;

    public static void main(String[] args) throws Exception {
        var server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.createContext("/", x -> {
            sent = new String(x.getRequestBody().readAllBytes(), StandardCharsets.ISO_8859_1);
            x.sendResponseHeaders(204, -1);
        });
        server.start();
        var vertx = Vertx.vertx();
        var client = WebClient.create(vertx);
        var held = true;
        for (int files = 1; files <= 2; files++) {
            var form = MultipartForm.create();
            for (int i = 1; i <= files; i++)
                form.binaryFileUpload("files", i + ".txt", Buffer.buffer("text " + i), "text/plain");
            client.post(server.getAddress().getPort(), "127.0.0.1", "/").sendMultipartForm(form)
                .toCompletionStage().toCompletableFuture().get(30, TimeUnit.SECONDS);
            System.out.println("with " + files + " file(s):");
            sent.lines().filter(l -> l.toLowerCase().matches("content-(disposition|type):.*"))
                .forEach(l -> System.out.println("  " + l));
            held &= sent.contains("multipart/mixed") == (files == 2) && sent.contains("attachment") == (files == 2);
        }
        System.exit(held ? 0 : 1);
    }
}
J
java -Djava.io.tmpdir="$work" -cp 'lib/*' Finding.java 2>log || { code=$?; cat log; exit "$code"; }
