"""Commands as the tests of the command line type them, and what they leave behind."""

import shlex

from search.cli import main
from search.store.study_folder import StudyFolder

TOY = ["search", "study=mine", "task=toy", "cluster=serial", "strategy.population=4", "budget.trials=6"]


def run(*arguments):
    return main([str(argument) for argument in arguments])


def read(name="mine"):
    return StudyFolder(f"studies/{name}").read_record()


def next_words(shown, *parts):
    """The arguments of a command that was printed, as a shell reads them."""
    [line] = [line for line in shown.splitlines() if all(part in line for part in parts)]
    return shlex.split(line[line.rindex("paretoseg ") :])[1:]
