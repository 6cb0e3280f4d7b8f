// Sends the files of a folder by System.Net.Http: send.exe <address> <folder>. A
// name with quotes is an exception there, and is left out.
using System;
using System.IO;
using System.Linq;
using System.Net.Http;

class Send
{
    static void Main(string[] args)
    {
        var form = new MultipartFormDataContent();
        foreach (var path in Directory.GetFiles(args[1]).OrderBy(p => p, StringComparer.Ordinal))
        {
            var name = path.Substring(path.LastIndexOf('/') + 1);
            if (name.Contains("\"")) continue;
            form.Add(new ByteArrayContent(File.ReadAllBytes(path)), "files", name);
        }
        var version = "mono-" + args[2];
        new HttpClient().PostAsync(args[0] + "/dotnet/" + version, form).Result.EnsureSuccessStatusCode();
    }
}
