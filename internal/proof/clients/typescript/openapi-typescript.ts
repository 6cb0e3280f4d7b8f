import createClient from "openapi-fetch";
import { api, conversation, expectListed, expectStored, files, key, names } from "./common.js";
import type { paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: api, headers: { "X-Session-API-Key": key } });
const path = { conversation_id: conversation };

const stored = await client.POST("/api/conversations/{conversation_id}/upload-files", {
  params: { path },
  body: { files: files.map((file) => file.name) }, // its type for a binary is string
  bodySerializer() {
    const form = new FormData();
    for (const file of files) form.append("files", file);
    return form;
  },
});
expectStored(stored.data?.files);

const list = () => client.GET("/api/conversations/{conversation_id}/files", { params: { path } });
expectListed((await list()).data?.files, names);
for (const name of names) {
  await client.DELETE("/api/conversations/{conversation_id}/files/{name}", { params: { path: { ...path, name } } });
}
expectListed((await list()).data?.files, []);
