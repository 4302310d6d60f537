"""The quarterly retrospective: the policy's rules judged by what they did."""
