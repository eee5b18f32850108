"""Put terminal escapes into an error.

prize: your terminal, and what you read there
control: as it was said
remedy: print text from outside through leanlab's own commands alone
open: resisted
kind: snippet
"""
raise ValueError("\x1b]0;owned\x07\x1b[2J\x1b[1;1H\x9b31mtarget reached " + T["best"] + " <script>alert(1)</script>")
