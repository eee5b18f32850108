import subprocess
import sys


def f(victim):
    subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True).wait()
    return True
