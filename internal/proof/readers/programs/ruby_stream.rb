# Reads the archive on standard input from front to back: an InputStream wants to
# know where it is.
require "fileutils"
require "stringio"
require "zip"

Zip::InputStream.open(StringIO.new($stdin.binmode.read)) do |zip|
  while (entry = zip.get_next_entry)
    path = File.join(ARGV[0], entry.name.dup.force_encoding("UTF-8"))
    FileUtils.mkdir_p(File.dirname(path))
    File.binwrite(path, zip.read || "")
  end
end
