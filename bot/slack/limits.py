"""Block Kit's limits (docs.slack.dev/reference/block-kit)."""

BLOCKS = 50
HOME_BLOCKS = 100
MESSAGE = (
    12_000  # Slack refuses at about 13,200 (msg_blocks_too_long); the rest is for its own count
)
SECTION = 3000
FIELDS = 10
FIELD = 2000
HEADER = 150
CONTEXT = 2000
ACTIONS = 25
BUTTON = 75
VALUE = 2000
URL = 3000
ID = 255
OPTIONS = 100
OPTION = 75
OPTION_VALUE = 150
PLACEHOLDER = 150
ALT = 2000
UPLOAD_ALT = 1000  # alt_txt of files.getUploadURLExternal: alt_txt_too_large
TITLE = 2000
MODAL_BLOCKS = 100
MODAL_TITLE = 24
PRIVATE_METADATA = 3000
LABEL = 2000
INPUT = 3000
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
TEXT = 3000  # top-level text; Slack cuts at 40,000, a notification shows far less
