"""The options of `paretoseg rehearse`, and how the command line reads them."""

from __future__ import annotations

import argparse

from rich.console import Console

from paretoseg.search.commands.wanted_rehearsal import Wanted


def add_rehearse_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("studies", nargs="+", metavar="STUDY", help="folder or URI of a recorded study")
    parser.add_argument("--strategies", metavar="NAME,...", help="random, the study's own and the default if left out")
    parser.add_argument("--pruners", metavar="NAME,...", help="never and the study's own if left out")
    usual = Wanted()
    workers = ",".join(map(str, usual.workers))
    parser.add_argument("--workers", default=workers, metavar="N,...", help=f"trials at a time; {workers} if left out")
    parser.add_argument("--trials", type=int, metavar="N", help="the budget; half of the candidates if left out")
    repeated = f"searches each; {usual.repetitions} if left out"
    parser.add_argument("--repetitions", type=int, default=usual.repetitions, metavar="N", help=repeated)
    wrong = "attempts that go wrong"
    parser.add_argument("--failures", type=float, default=usual.failures, metavar="SHARE", help=wrong)
    drawn = f"of all draws; {usual.seed} if left out"
    parser.add_argument("--seed", type=int, default=usual.seed, metavar="N", help=drawn)
    parser.add_argument("--output", metavar="DIR", help="where to write; rehearsal-<study> here if left out")
    parser.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")


def run_rehearse(parsed: argparse.Namespace, console: Console) -> int:
    """Runs the command; returns its exit code.

    Raises:
        ValueError: for a mistake of the user's, in one line.
    """
    # pymoo, Hydra and matplotlib: too slow to import for the other commands
    from paretoseg.search.commands.rehearse import rehearse_studies

    wanted = Wanted(
        strategies=_split_names(parsed.strategies),
        pruners=_split_names(parsed.pruners),
        workers=_split_numbers(parsed.workers),
        trials=parsed.trials,
        repetitions=parsed.repetitions,
        failures=parsed.failures,
        seed=parsed.seed,
        output=parsed.output,
    )
    return rehearse_studies(parsed.studies, wanted, console, as_json=parsed.json)


def _split_names(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.replace(",", " ").split())


def _split_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        message = f"--workers must be whole numbers separated by commas, such as 1,4,16; got {text!r}"
        raise ValueError(message) from None
