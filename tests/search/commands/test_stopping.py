import signal
import subprocess
import sys
from pathlib import Path

import pytest

SIGNALS = [signal.SIGINT, signal.SIGUSR1]
CODE = """
import os, sys
from paretoseg.search.commands.stopping import end_at_once, end_in_order
end_at_once()
if sys.argv[2] == "begun":
    end_in_order()
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except BaseException as error:  # as a library does that makes an error of its own of everything
    print(type(error).__name__)
"""


def send_itself(number, moment):
    words = [sys.executable, "-c", CODE, str(int(number)), moment]
    return subprocess.run(words, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", SIGNALS)
def test_before_a_search_has_begun_a_signal_ends_it_with_one_line(number):
    done = send_itself(number, "early")
    assert done.returncode == 75
    assert done.stderr == "paretoseg: interrupted before the search began; the same command begins it\n"
    assert done.stdout == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_once_it_has_begun_a_signal_is_an_interrupt(number):
    done = send_itself(number, "begun")
    assert (done.returncode, done.stdout, done.stderr) == (0, "KeyboardInterrupt\n", "")
