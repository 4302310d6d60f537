"""The one-off times of a council."""

#: Votes are counted; the subject is the week.
CLOSE = "council.close"
#: Somebody is reminded of a follow-up; the subject is its id.
FOLLOW_UP = "council.follow-up"
