import io.vertx.core.Vertx;
import io.vertx.ext.web.client.WebClient;
import io.vertx.ext.web.multipart.MultipartForm;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.Entity;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import okhttp3.MediaType;
import okhttp3.MultipartBody;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import org.apache.hc.client5.http.classic.methods.HttpPost;
import org.apache.hc.client5.http.entity.mime.MultipartEntityBuilder;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.core5.http.ContentType;
import org.glassfish.jersey.media.multipart.FormDataMultiPart;
import org.glassfish.jersey.media.multipart.MultiPartFeature;
import org.glassfish.jersey.media.multipart.file.FileDataBodyPart;

/** Sends the files of a folder: java SendMore.java <client> <address> <folder>. */
public class SendMore {
    public static void main(String[] args) throws Exception {
        List<File> files;
        try (var folder = Files.list(Path.of(args[2]))) {
            files = folder.sorted().map(Path::toFile).collect(Collectors.toList());
        }
        switch (args[0]) {
            case "httpclient5" -> httpclient5(args[1], files);
            case "okhttp" -> okhttp(args[1], files);
            case "jersey" -> jersey(args[1], files);
            case "vertx" -> vertx(args[1], files);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    static void httpclient5(String address, List<File> files) throws Exception {
        var form = MultipartEntityBuilder.create();
        for (var file : files) {
            form.addBinaryBody("files", file, ContentType.APPLICATION_OCTET_STREAM, file.getName());
        }
        var request = new HttpPost(address + "/httpclient5/5.5");
        request.setEntity(form.build());
        try (var client = HttpClients.createDefault()) {
            client.execute(request, answer -> null);
        }
    }

    static void okhttp(String address, List<File> files) throws Exception {
        var form = new MultipartBody.Builder().setType(MultipartBody.FORM);
        for (var file : files) {
            form.addFormDataPart("files", file.getName(), RequestBody.create(file, MediaType.get("application/octet-stream")));
        }
        var client = new OkHttpClient();
        client.newCall(new Request.Builder().url(address + "/okhttp/4.12.0").post(form.build()).build()).execute().close();
        client.dispatcher().executorService().shutdown();
    }

    static void jersey(String address, List<File> files) throws Exception {
        var client = ClientBuilder.newClient().register(MultiPartFeature.class);
        try (var form = new FormDataMultiPart()) {
            for (var file : files) {
                form.bodyPart(new FileDataBodyPart("files", file));
            }
            client.target(address + "/jersey/3.1.10").request().post(Entity.entity(form, form.getMediaType())).close();
        }
        client.close();
    }

    /** As Vert.x does by itself: files of one field make one part of multipart/mixed. */
    static void vertx(String address, List<File> files) throws Exception {
        var form = MultipartForm.create();
        for (var file : files) {
            form.binaryFileUpload("files", file.getName(), file.getPath(), "application/octet-stream");
        }
        var vertx = Vertx.vertx();
        WebClient.create(vertx).postAbs(address + "/vertx/4.5.16").sendMultipartForm(form)
                .toCompletionStage().toCompletableFuture().get();
        vertx.close().toCompletionStage().toCompletableFuture().get();
    }
}
