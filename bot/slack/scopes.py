"""What the Slack app asks for, and why: nothing that is not used."""

#: Bot token scope → what it is for.
SCOPES: dict[str, str] = {
    "app_mentions:read": "hears commands in threads, where slash commands do not run",
    "channels:history": "looks whether a message arrived when Slack's answer to it was lost",
    "channels:read": "finds a channel that the policy calls by its name",
    "chat:write": "posts and edits alerts",
    "commands": "has the slash commands",
    "files:read": "waits until an uploaded chart can be shown; reads a policy that somebody gives to a form",
    "files:write": "uploads charts",
    "groups:history": "the same as channels:history in private channels",
    "groups:read": "the same as channels:read for private channels",
    "usergroups:read": "reads who is in the user groups that have roles",
    "users:read": "tells members from guests, strangers and deactivated accounts",
    "users:read.email": "knows who someone is by e-mail, and whom to mention",
}

#: What the app hears. Nothing that people write to each other.
EVENTS = ("app_home_opened", "app_mention", "app_uninstalled", "tokens_revoked")

COMMANDS = {
    "/spend": "What experiments cost, how fast, and until when the budget lasts",
    "/sandbox": "Ask for a sandbox, see and close your own",
    "/council": "The weekly experiment council",
    "/policy": "The rules: show, check and replay them",
}

#: What Slack shows behind a command while it is typed.
HINTS = {
    "/spend": "[name] [last 30d] | why | top | compare | forecast | unit | mine | help",
    "/sandbox": "request | list | status | extend | close | help",
    "/council": "next | digest | add | remove | help",
    "/policy": "show | check | replay [90d] | help",
}

#: What stands in the menu of every message: the action that is pressed → (its name, 24 characters at most; what
#: it does, 150 at most). An app has five of these at most.
MESSAGE_MENU = {
    "council.add": ("Bring to the council", "Puts it on the agenda of the next experiment council"),
}
