import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/** Reads the archive on standard input while it comes. */
class Stream {
    public static void main(String[] args) throws Exception {
        try (ZipInputStream zip = new ZipInputStream(System.in)) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null;) {
                Path path = Path.of(args[0], entry.getName());
                Files.createDirectories(path.getParent());
                Files.copy((InputStream) zip, path);
            }
        }
    }
}
