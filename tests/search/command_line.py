"""Commands as the tests of the command line type them, and what they leave behind."""

import shlex

from paretoseg.search.commands.cli import main
from paretoseg.search.store.study_folder import StudyFolder

TOY = [
    "search", "study=mine", "task=toy", "cluster=serial", "strategy=nsga2", "strategy.population=4", "confirm.seeds=1",
    "budget.trials=6",
]  # fmt: skip

FAILING = ["task.failure=error", "task.fails_below=1.0", "space.foreground_ratio=[0.1,0.5]", "budget.max_failures=99"]
"""Added to `TOY`, no trial finishes, so that the test cases are measured for none."""

TINY = [
    "search", "study=tiny", "cluster=serial", "strategy=random", "task.num_steps=1",
    "task.iterations_per_step=16", "task.corruptions=[gaussian_blur]", "task.severities=[2,4]", "data.image_size=32",
    "data.num_train=4", "data.num_validation=4", "data.num_test=3", "space.depth=2", "space.width=4", "space.patch=32",
    "space.learning_rate=0.02", "space.foreground_ratio=0.8", "confirm.seeds=1", "baselines=[]",
]  # fmt: skip
"""Networks that train for a moment, with one seed and without baselines; the budget is to be added."""


def run(*arguments):
    return main([str(argument) for argument in arguments])


def read(name="mine"):
    return StudyFolder(f"studies/{name}").read_record()


def next_words(shown, *parts):
    """The arguments of a command that was printed, as a shell reads them."""
    [line] = [line for line in shown.splitlines() if all(part in line for part in parts)]
    return shlex.split(line[line.rindex("paretoseg ") :])[1:]
