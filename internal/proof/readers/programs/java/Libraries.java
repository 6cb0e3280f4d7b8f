import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads the archive on standard input while it comes, by the library that is named. */
class Libraries {
    public static void main(String[] args) throws Exception {
        if (args[0].equals("zip4j")) {
            try (var zip = new net.lingala.zip4j.io.inputstream.ZipInputStream(System.in)) {
                for (net.lingala.zip4j.model.LocalFileHeader entry; (entry = zip.getNextEntry()) != null;) {
                    save(args[1], entry.getFileName(), zip);
                }
            }
            return;
        }
        try (var zip = new org.apache.commons.compress.archivers.zip.ZipArchiveInputStream(System.in)) {
            for (org.apache.commons.compress.archivers.zip.ZipArchiveEntry entry; (entry = zip.getNextEntry()) != null;) {
                save(args[1], entry.getName(), zip);
            }
        }
    }

    private static void save(String folder, String name, InputStream content) throws Exception {
        Path path = Path.of(folder, name);
        Files.createDirectories(path.getParent());
        Files.copy(content, path);
    }
}
