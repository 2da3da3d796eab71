"""The command line. Each command imports what is slow to load by itself, so that help and errors appear at once."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import TypeAlias

from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands import help_texts
from paretoseg.search.commands.about import add_about
from paretoseg.search.commands.ending_options import add_confirm_options, add_finish_options, run_confirm, run_finish
from paretoseg.search.commands.front import show_front
from paretoseg.search.commands.health import find_health
from paretoseg.search.commands.job_options import (
    add_cancel_options,
    add_logs_options,
    add_place_keys,
    find_sent_job,
    run_cancel,
    run_logs,
)
from paretoseg.search.commands.known_commands import find_unknown_command
from paretoseg.search.commands.measuring_options import add_measuring
from paretoseg.search.commands.predict_options import PREDICT_HELP, add_predict_options, run_predict
from paretoseg.search.commands.rehearse_options import add_rehearse_options, run_rehearse
from paretoseg.search.commands.stopping import INTERRUPTED, end_at_once, restore
from paretoseg.search.reports.health_text import health_lines, health_rows
from paretoseg.search.reports.text import status_view, to_plain_status
from paretoseg.search.running.importing import importing
from paretoseg.search.store.certainty_file import read_reality
from paretoseg.search.store.folder import StorageError
from paretoseg.search.store.lock import LockedError, find_writer
from paretoseg.search.store.reachable import check_reachable
from paretoseg.search.store.study_folder import StudyFolder

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class _Console(Console):
    """A console whose reader may be gone, as behind `| head`: the command still runs to its end."""

    def on_broken_pipe(self) -> None:
        """Prints nothing more, and keeps Python from complaining when it exits."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns its exit code."""
    parsed = _parse(arguments)
    console = _Console(highlight=False, soft_wrap=False)
    try:
        check_reachable(getattr(parsed, "study", ""))
        return int(parsed.run(parsed, console))
    except (ValueError, LockedError) as error:
        return _refuse(str(error), ExitCode.REFUSED)
    except StorageError as error:
        return _refuse(str(error), ExitCode.STORAGE)
    except BrokenPipeError:
        return ExitCode.DONE
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was left behind", ExitCode.INTERRUPTED)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command; overrides may stand before and after an option, which argparse alone does not accept."""
    parser = build_parser()
    if problem := find_unknown_command(sys.argv[1:] if arguments is None else arguments, parser):
        parser.exit(ExitCode.REFUSED, f"{parser.prog}: {problem}\n")
    parsed, rest = parser.parse_known_args(arguments)
    several = next((name for name in ("overrides", "images") if name in parsed), "")
    if rest and (not several or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        setattr(parsed, several, [*getattr(parsed, several), *rest])
    return parsed


def _search(parsed: argparse.Namespace, console: Console) -> int:
    end_at_once()
    try:
        with importing():
            from paretoseg.search.commands.search import (
                search,  # Ray, pymoo and Hydra: too slow to import for the other commands
            )

        return search(parsed.overrides, console, dry_run=parsed.dry_run)
    except KeyboardInterrupt:
        return _refuse(INTERRUPTED, ExitCode.WORK_LEFT)
    finally:
        restore()


def _status(parsed: argparse.Namespace, console: Console) -> int:
    folder = StudyFolder(parsed.study)
    if parsed.overrides:
        if parsed.json:
            raise ValueError("--json shows the study and not its job; leave the keys of cluster out")
        job = find_sent_job(parsed.study, parsed.overrides)
        console.print(f"{job.name}: {job.find().words}\nLook: {job.log}", markup=False, soft_wrap=True)
        if not folder.exists():  # it lies where only the job sees it
            return ExitCode.DONE
    record = folder.read_record()
    if parsed.json:
        plain = to_plain_status(record, find_writer(folder.folder), folder.journal.describe_left_out())
        print(json.dumps(plain | {"health": health_rows(find_health(folder, record))}, indent=2))
        return ExitCode.DONE
    console.print(
        status_view(
            record,
            find_writer(folder.folder),
            folder.journal.describe_left_out(),
            _describe_job(folder),
            read_reality(folder.folder, record),
        ),
        soft_wrap=True,
    )
    for line in health_lines(find_health(folder, record)):
        console.print(line, soft_wrap=True)
    return ExitCode.DONE


def _describe_job(folder: StudyFolder) -> str:
    """The job that was submitted last; '' if there is none."""
    ticket = folder.read_ticket()
    if not ticket:
        return ""
    from paretoseg.search.commands.submission import describe_ticket  # the launchers: most studies have no job

    return describe_ticket(ticket)


def _front(parsed: argparse.Namespace, console: Console) -> int:
    return show_front(
        parsed.study, console, has_intervals=parsed.intervals, has_stability=parsed.stability, as_json=parsed.json
    )


def _report(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.report import (
        report,  # pymoo and Hydra, and later torch: too slow to import for the other commands
    )

    return report(parsed.study, parsed.output, parsed.has_pictures, console)


def _attribution(parsed: argparse.Namespace, console: Console) -> int:
    with importing():
        from paretoseg.search.commands.attribution import show_attribution  # Hydra, pymoo: too slow for other commands

    return show_attribution(parsed.study, parsed.output, console, as_json=parsed.json)


def _compare(parsed: argparse.Namespace, console: Console) -> int:
    with importing():
        from paretoseg.search.commands.compare import compare  # Hydra, pymoo: too slow to import for other commands

    return compare(parsed.studies, parsed.output, console, as_json=parsed.json)


def _export(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.export import (
        export,  # pymoo and Hydra, and later torch: too slow to import for the other commands
    )

    return export(parsed.study, parsed.pick, parsed.format, parsed.output, console, parsed.seeds)


def _rescore(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.rescore import (
        rescore,  # pymoo and Hydra, and later Ray: too slow to import for the other commands
    )

    return rescore(parsed.study, parsed.overrides, parsed.name, console)


def _ablate(parsed: argparse.Namespace, console: Console) -> int:
    from paretoseg.search.commands.ablate import ablate  # Ray, pymoo and Hydra: too slow for the other commands
    from paretoseg.search.commands.ablate_plan import Wanted

    dimensions = parsed.dimensions.replace(",", " ").split() if parsed.dimensions is not None else None
    wanted = Wanted(parsed.candidate, parsed.seeds, parsed.most, tuple(dimensions) if dimensions is not None else None)
    place = _Console(stderr=True, highlight=False) if parsed.json else console
    return ablate(parsed.study, wanted, parsed.overrides, place, as_json=parsed.json)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="paretoseg",
        description="Search for segmentation networks that are accurate and stay reliable when the images change.",
        epilog="examples:\n  paretoseg search experiment=quickstart\n  paretoseg front studies/quickstart\n\n"
        + help_texts.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_searching(commands)
    _add_showing(commands)
    _add_using(commands)
    add_measuring(lambda *words: _add_command(commands, *words))
    add_about(parser, lambda *words: _add_command(commands, *words))
    return parser


def _add_searching(commands: _Commands) -> None:
    searching = _add_command(commands, "search", "start or resume a study", help_texts.SEARCH_HELP)
    searching.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what to search, and how")
    searching.add_argument("--dry-run", action="store_true", help="print plan, time and memory, or a cluster's job")
    searching.set_defaults(run=_search)
    confirming = _add_command(
        commands, "confirm", "train the front with more seeds and test it", help_texts.CONFIRM_HELP
    )
    add_confirm_options(confirming)
    confirming.set_defaults(run=run_confirm)
    finishing = _add_command(commands, "finish", "end a search now and show its answer", help_texts.FINISH_HELP)
    add_finish_options(finishing)
    finishing.set_defaults(
        run=lambda parsed, console: run_finish(parsed, console, lambda: main(["front", parsed.study]))
    )
    cancelling = _add_command(commands, "cancel", "end the job of a study on a cluster", help_texts.CANCEL_HELP)
    add_cancel_options(cancelling)
    cancelling.set_defaults(run=run_cancel)
    ablating = _add_command(commands, "ablate", "find what each choice of a candidate is worth", help_texts.ABLATE_HELP)
    ablating.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    ablating.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="where it runs, and where data lies")
    ablating.add_argument("--candidate", type=int, required=True, metavar="N", help="number of the candidate")
    ablating.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds of every network; 3 if left out")
    ablating.add_argument("--most", type=int, default=12, metavar="N", help="neighbours at most; 12 if left out")
    ablating.add_argument("--dimensions", metavar="NAME,...", help="which choices to change; all if left out")
    ablating.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    ablating.set_defaults(run=_ablate)


def _add_showing(commands: _Commands) -> None:
    """Adds the commands that show a study."""
    status = _add_command(commands, "status", "show where a study stands", help_texts.STATUS_HELP)
    status.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    add_place_keys(status)
    status.add_argument("--json", action="store_true", help="an object with health and early stopping, instead of text")
    status.set_defaults(run=_status)
    front = _add_command(commands, "front", "show the Pareto front of a study", help_texts.FRONT_HELP)
    front.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    front.add_argument("--json", action="store_true", help="a list of flat objects instead of a table")
    front.add_argument("--intervals", action="store_true", help="how certain every objective and every difference is")
    front.add_argument("--stability", action="store_true", help="whether the order in robustness holds")
    front.set_defaults(run=_front)
    attributing = _add_command(
        commands, "attribution", "find which choices trade and which improve both", help_texts.ATTRIBUTION_HELP
    )
    attributing.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    attributing.add_argument("--json", action="store_true", help="an object with lists of flat rows instead of tables")
    attributing.add_argument(
        "--output", metavar="FILE", help="where to draw it; attribution.png in the study's folder if left out"
    )
    attributing.set_defaults(run=_attribution)
    comparing = _add_command(commands, "compare", "compare the fronts of several studies", help_texts.COMPARE_HELP)
    comparing.add_argument("studies", nargs="+", metavar="STUDY", help="folders or URIs of two studies or more")
    comparing.add_argument("--json", action="store_true", help="an object with lists of flat rows instead of tables")
    comparing.add_argument("--output", metavar="FILE", help="where to draw it; comparison.png here if left out")
    comparing.set_defaults(run=_compare)
    logging = _add_command(commands, "logs", "show what the job of a study printed", help_texts.LOGS_HELP)
    add_logs_options(logging)
    logging.set_defaults(run=run_logs)
    report = _add_command(commands, "report", "write one HTML file that shows a study", help_texts.REPORT_HELP)
    report.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    report.add_argument(
        "--output", metavar="FILE", help="where to write it; report.html in the study's folder if left out"
    )
    report.add_argument(
        "--no-pictures", dest="has_pictures", action="store_false", help="leave out what the networks predict"
    )
    report.set_defaults(run=_report)


def _add_using(commands: _Commands) -> None:
    """Adds the commands that use a study's networks."""
    export = _add_command(
        commands, "export", "write a network of the front as a folder to use elsewhere", help_texts.EXPORT_HELP
    )
    export.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    export.add_argument(
        "--pick", required=True, metavar="PICK", help="which network: a rule, conditions, weights or a number"
    )
    export.add_argument("--format", required=True, choices=("bundle", "onnx"), help="a MONAI Bundle, or an ONNX file")
    export.add_argument(
        "--seeds",
        default="median",
        choices=("median", "all"),
        help="the network nearest to the median of its seeds, or all of them, averaged; median if left out",
    )
    export.add_argument(
        "--output", metavar="DIR", help="the new folder; named here after study, number and format if left out"
    )
    export.set_defaults(run=_export)
    predicting = _add_command(
        commands, "predict", "segment images with a network of the front or a bundle", PREDICT_HELP
    )
    add_predict_options(predicting)
    predicting.set_defaults(run=run_predict)
    rescoring = _add_command(commands, "rescore", "measure stored networks again", help_texts.RESCORE_HELP)
    rescoring.add_argument("study", metavar="STUDY", help="folder or URI of the study")
    rescoring.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what to measure, and where")
    rescoring.add_argument("--name", metavar="NAME", help="its name; derived from its settings if left out")
    rescoring.set_defaults(run=_rescore)
    rehearsing = _add_command(
        commands, "rehearse", "try out ways to search, without training", help_texts.REHEARSE_HELP
    )
    add_rehearse_options(rehearsing)
    rehearsing.set_defaults(run=run_rehearse)


def _add_command(commands: _Commands, name: str, summary: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def _refuse(message: str, code: int) -> int:
    print(f"paretoseg: {message}", file=sys.stderr)
    return code
