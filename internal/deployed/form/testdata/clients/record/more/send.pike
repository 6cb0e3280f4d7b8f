// Sends the files of a folder by MIME and Protocols.HTTP: pike send.pike <address> <folder>.
int main(int argc, array(string) argv)
{
  array(MIME.Message) parts = ({});
  foreach (sort(get_dir(argv[2])), string name) {
    string bytes = String.width(name) > 8 ? string_to_utf8(name) : name;
    object part = MIME.Message(Stdio.read_file(combine_path(argv[2], name)), ([ "content-disposition": "form-data" ]));
    part->setdisp_param("name", "files");
    part->setdisp_param("filename", bytes);
    parts += ({ part });
  }
  object form = MIME.Message("", ([ "content-type": "multipart/form-data" ]), parts);
  array(string) halves = (string)form / "\r\n\r\n";
  object answer = Protocols.HTTP.do_method("POST", argv[1] + "/pike/" + "8.0." + (version() / "release ")[1], 0,
    ([ "content-type": form->headers["content-type"] ]), 0, halves[1..] * "\r\n\r\n");
  return answer->status != 204;
}
