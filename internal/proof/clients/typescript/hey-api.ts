import { client } from "./api/client.gen.js";
import { deleteFile, listFiles, uploadFilesApiConversationsConversationIdUploadFilesPost as upload } from "./api/index.js";
import { api, conversation, expectListed, expectStored, files, key, names } from "./common.js";

client.setConfig({ baseUrl: api, auth: key });
const path = { conversation_id: conversation };

const stored = await upload({ path, body: { files }, throwOnError: true });
expectStored(stored.data.files);

expectListed((await listFiles({ path, throwOnError: true })).data.files, names);
for (const name of names) await deleteFile({ path: { ...path, name }, throwOnError: true });
expectListed((await listFiles({ path, throwOnError: true })).data.files, []);
