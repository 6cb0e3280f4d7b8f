# Sends the files of a folder by net/http: ruby send.rb <address> <folder>.
require "net/http"

address, folder = ARGV
uri = URI("#{address}/ruby/#{RUBY_VERSION}")
request = Net::HTTP::Post.new(uri)
files = Dir.children(folder).sort.map { |name| ["files", File.open(File.join(folder, name), "rb"), { filename: name }] }
request.set_form(files, "multipart/form-data")
Net::HTTP.start(uri.host, uri.port) { |http| http.request(request).value }
