"""The dashboard: labs in a browser, live while a run is on and just as good afterwards.

It reads what runs leave on disk and writes three things: a request to pause, one to stop, and the
record that hidden metrics were shown. `leanlab serve` starts it.
"""
