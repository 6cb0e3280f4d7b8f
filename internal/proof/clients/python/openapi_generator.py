from common import API, CONTENTS, CONVERSATION, KEY, expect_listed, expect_stored
from openapi_client import ApiClient, Configuration, FilesApi

with ApiClient(Configuration(host=API, api_key={"APIKeyHeader": KEY})) as client:
    api = FilesApi(client)
    stored = api.upload_files_api_conversations_conversation_id_upload_files_post(CONVERSATION, list(CONTENTS.items()))
    expect_stored(stored.files)
    expect_listed(api.list_files(CONVERSATION).files, CONTENTS)
    for name in CONTENTS:
        api.delete_file(CONVERSATION, name)
    expect_listed(api.list_files(CONVERSATION).files, [])
