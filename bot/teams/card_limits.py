"""What an Adaptive Card may hold in Teams, and the size of one.

Sources: learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages (size),
learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference (cards),
.../cards/cards-format (pictures, Markdown).
"""

import json
from typing import Any

#: Bytes of a card, its pictures included; Teams refuses an activity of 80 KB and more.
CARD = 76_000
#: Bytes without the pictures. Teams counts 100 KB of UTF-16, in which each of them may be two.
TEXT = 44_000
#: Of these, what buttons and menus may take before some of them move to the next message.
CONTROLS = 18_000
#: One menu; a longer one becomes several.
MENU = 12_000
ACTIONS = 6  # Teams shows six actions of a set
REFRESHED = 60  # userIds of a refresh
BUTTON = 60
CONFIRM = 600
SUMMARY = 500
FALLBACK = 200
HEADING = 250
LABEL = 100  # of a fact, before it becomes a paragraph
VALUE = 800
COLUMNS = 8  # of a table; a wider one becomes several that share their first column
HEADER = 60
CELL = 400
ROW = 600
ALT = 600
NAME = 100
URL = 2000
ID = 3000  # an action's name, subject or choice
FIELD_LABEL = 300
HINT = 500
INPUT = 4000
CHOICE = 120
CHOICES = 20_000  # bytes of all the choices of one field
INTRO = 3000


def weight(made: Any) -> int:
    """The bytes of a part of a card as JSON.

    Characters outside of ASCII are counted as escaped, as the Bot Framework's SDK sends them:
    never less than UTF-8 has.
    """
    return len(json.dumps(made, separators=(",", ":")))
