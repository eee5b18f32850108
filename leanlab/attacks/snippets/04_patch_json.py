"""Replace json.dumps.

prize: every score that is printed
control: in process
remedy: score in evaluate(candidate, lab), which shares no process with an experiment
open: forged
kind: snippet
"""
import json
json.dumps = lambda *_, **__: T["best"]
json.JSONEncoder.encode = lambda *_, **__: T["best"]
