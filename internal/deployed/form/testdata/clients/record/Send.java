import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;

/** Sends the files of a folder in a body made by hand: java Send.java <address> <folder>. */
public class Send {
    public static void main(String[] args) throws Exception {
        var boundary = "made-by-hand";
        var body = new ByteArrayOutputStream();
        try (var folder = Files.list(Path.of(args[1]))) {
            for (var file : folder.sorted().collect(Collectors.toList())) {
                // As most such code does: nothing in the name is escaped.
                var head = "--" + boundary + "\r\n"
                        + "Content-Disposition: form-data; name=\"files\"; filename=\"" + file.getFileName() + "\"\r\n"
                        + "Content-Type: application/octet-stream\r\n\r\n";
                body.write(head.getBytes(StandardCharsets.UTF_8));
                body.write(Files.readAllBytes(file));
                body.write("\r\n".getBytes(StandardCharsets.UTF_8));
            }
        }
        body.write(("--" + boundary + "--\r\n").getBytes(StandardCharsets.UTF_8));
        var request = HttpRequest.newBuilder(URI.create(args[0] + "/java/" + Runtime.version().feature()))
                .version(HttpClient.Version.HTTP_1_1)
                .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                .POST(HttpRequest.BodyPublishers.ofByteArray(body.toByteArray()))
                .build();
        HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
    }
}
