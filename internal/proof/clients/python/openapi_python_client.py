import io

from client import AuthenticatedClient
from client.api.files import delete_file, list_files
from client.api.files import upload_files_api_conversations_conversation_id_upload_files_post as upload_files
from client.models import BodyUploadFilesApiConversationsConversationIdUploadFilesPost as Form
from client.types import File
from common import API, CONTENTS, CONVERSATION, KEY, expect_listed, expect_stored

with AuthenticatedClient(API, token=KEY, prefix="", auth_header_name="X-Session-API-Key") as client:
    form = Form([File(io.BytesIO(content), name, "text/plain") for name, content in CONTENTS.items()])
    expect_stored(upload_files.sync(CONVERSATION, client=client, body=form).files)
    expect_listed(list_files.sync(CONVERSATION, client=client).files, CONTENTS)
    for name in CONTENTS:
        assert delete_file.sync_detailed(CONVERSATION, name, client=client).status_code == 204
    expect_listed(list_files.sync(CONVERSATION, client=client).files, [])
