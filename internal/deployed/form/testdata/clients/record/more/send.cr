# Sends the files of a folder: crystal run send.cr -- <address> <folder>.
require "http"

address, folder = ARGV
IO.pipe do |reader, writer|
  channel = Channel(String).new(1)
  spawn do
    HTTP::FormData.build(writer) do |form|
      channel.send(form.content_type)
      Dir.children(folder).sort.each do |name|
        File.open(File.join(folder, name)) do |file|
          form.file("files", file, HTTP::FormData::FileMetadata.new(filename: name))
        end
      end
    end
    writer.close
  end
  headers = HTTP::Headers{"Content-Type" => channel.receive}
  answer = HTTP::Client.post("#{address}/crystal/#{Crystal::VERSION}", headers: headers, body: reader)
  raise answer.status.to_s unless answer.success?
end
