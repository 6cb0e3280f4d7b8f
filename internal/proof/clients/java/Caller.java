import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.FilesApi;

/** Uploads, lists and deletes by what openapi-generator has generated, which takes ASCII alone in names of files. */
public class Caller {
    static final Map<String, String> CONTENTS =
            Map.of("first.txt", "the first file\n", "second.txt", "the second file\n");
    static final String CONVERSATION = System.getenv("CONVERSATION");

    public static void main(String[] args) throws Exception {
        var client = new ApiClient().setBasePath(System.getenv("API"));
        client.setApiKey(System.getenv("KEY"));
        var api = new FilesApi(client);

        var folder = Files.createTempDirectory(Path.of("target"), "sent");
        List<File> files = new ArrayList<>();
        for (var file : CONTENTS.entrySet()) {
            files.add(Files.writeString(folder.resolve(file.getKey()), file.getValue()).toFile());
        }
        var stored = api.uploadFilesApiConversationsConversationIdUploadFilesPost(CONVERSATION, files).getFiles();
        expect(stored.size() == CONTENTS.size(), "stored: " + stored);
        for (var file : stored) {
            var hash = MessageDigest.getInstance("SHA-256").digest(CONTENTS.get(file.getName()).getBytes());
            expect(HexFormat.of().formatHex(hash).equals(file.getSha256()), "sha256 of " + file);
        }
        expectListed(api, CONTENTS.size());
        for (var name : CONTENTS.keySet()) {
            api.deleteFile(CONVERSATION, name);
        }
        expectListed(api, 0);
    }

    static void expectListed(FilesApi api, int want) throws ApiException {
        var listed = api.listFiles(CONVERSATION, null, null).getFiles();
        expect(listed.size() == want, "listed: " + listed);
    }

    static void expect(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }
}
