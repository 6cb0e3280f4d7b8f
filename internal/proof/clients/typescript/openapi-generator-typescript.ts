import { Configuration, FilesApi } from "./api/index.js";
import { api, conversation, expectListed, expectStored, files, key, names } from "./common.js";

const client = new FilesApi(new Configuration({ basePath: api, apiKey: key }));
const conversationId = conversation;

const stored = await client.uploadFilesApiConversationsConversationIdUploadFilesPost({ conversationId, files });
expectStored(stored.files);

expectListed((await client.listFiles({ conversationId })).files, names);
for (const name of names) await client.deleteFile({ conversationId, name });
expectListed((await client.listFiles({ conversationId })).files, []);
