"""Open a connection.

prize: a way out for whatever it sees
control: unconfined
remedy: run where leanlab can confine; `leanlab check` says what is missing
open: resisted
kind: snippet
"""
import socket
with socket.create_connection(("127.0.0.1", T["port"]), timeout=2) as link:
    link.sendall(T["network_word"].encode())
