import signal
import subprocess
import sys
from pathlib import Path

import pytest

from paretoseg.search.commands import stopping

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
CODE = """
import os, sys
from paretoseg.search.commands.stopping import end_at_once, end_in_order, ignore
end_at_once()
if sys.argv[2] != "early":
    end_in_order("paretoseg search study=mine", lambda: print("the last act", flush=True))
if sys.argv[2] == "done":
    ignore()
for _ in range(2 if sys.argv[2] == "twice" else 1):
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
    except BaseException as error:  # as a library does that makes an error of its own of everything
        print(type(error).__name__, flush=True)
"""


def send_itself(number, moment):
    words = [sys.executable, "-c", CODE, str(int(number)), moment]
    return subprocess.run(words, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", SIGNALS)
def test_before_a_search_has_started_a_signal_ends_it_with_one_line(number):
    done = send_itself(number, "early")
    assert done.returncode == 75
    assert done.stderr == "paretoseg: interrupted before the search started; the same command starts it\n"
    assert done.stdout == ""


@pytest.mark.parametrize("number", SIGNALS)
def test_once_it_has_started_a_signal_is_an_interrupt(number):
    done = send_itself(number, "begun")
    assert (done.returncode, done.stdout) == (0, "KeyboardInterrupt\n")
    assert done.stderr == f"\nparetoseg: {stopping.STOPPING}\n", "at once, not when workers have stopped"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_it_at_once_and_says_how_to_resume(number):
    done = send_itself(number, "twice")
    assert done.returncode == 75
    assert done.stderr.splitlines()[2:] == [
        "paretoseg: stopped at once. Work is left; resume with: paretoseg search study=mine"
    ]
    assert done.stdout == "KeyboardInterrupt\nthe last act\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_search_that_is_over_keeps_its_exit_code(number):
    done = send_itself(number, "done")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_reacts_to_signals_is_loaded_before_anything_slow_and_help_appears_without_what_takes_seconds():
    code = (
        "import sys, paretoseg.__main__; print(*sys.modules); import paretoseg.search.commands.cli; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    at_once, for_help = (set(line.split()) for line in done.stdout.splitlines())
    assert "paretoseg.search.commands.stopping" in at_once
    assert not {"rich", "numpy", "pyarrow", "ray", "torch"} & at_once
    assert not {"scipy", "pandas", "matplotlib", "hydra", "ray", "torch"} & for_help


def test_a_program_that_calls_a_command_keeps_its_own_answers_to_signals():
    before = [signal.getsignal(number) for number in SIGNALS]
    stopping.end_at_once()
    stopping.end_in_order("paretoseg search study=mine")
    stopping.restore()
    assert [signal.getsignal(number) for number in SIGNALS] == before
