# What every attack has at hand: T, the places to aim at, and ways to get something out.


def quiet_tell(text):
    """Send text over the network and into a file outside."""
    import socket

    try:
        put(T["marker"], text)
    except OSError:
        pass
    with socket.create_connection(("127.0.0.1", T["port"]), timeout=2) as link:
        link.sendall(text.encode("utf-8", "replace"))


def tell(text):
    """The same, and in everything that the evaluator may hand on."""
    print(text, flush=True)
    try:
        quiet_tell(text)
    except OSError:
        pass
    raise RuntimeError(text)


def put(path, text):
    """Write a file; where no byte can be written, leave a link that holds the text."""
    import os

    if os.path.isfile(path):
        os.chmod(path, 0o644)
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(text[:200], path)
