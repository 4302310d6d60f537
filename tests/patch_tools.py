"""What applies a patch: git, which every checkout needs, and ``patch`` where it is installed."""

import shutil

GIT = ("git", "apply", "--whitespace=nowarn", "-")
TOOLS = (GIT, *([("patch", "-p1", "--fuzz=0")] if shutil.which("patch") else []))
