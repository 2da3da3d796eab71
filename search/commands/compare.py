"""The command `paretoseg compare`: several fronts over the same reference point and the same cases."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.candidates.result import Result
from paretoseg.search.certainty.certainty import TOLERANCE
from paretoseg.search.certainty.contributions import Sampling, find_sampling, name_scores
from paretoseg.search.certainty.front_comparison import (
    ComparedCandidate,
    ComparedFront,
    FrontComparison,
    compare_fronts,
)
from paretoseg.search.commands.certainty import read_subjects, read_tables
from paretoseg.search.commands.outputs import locate_file
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.reports.comparison_picture import draw_comparison
from paretoseg.search.reports.comparison_text import comparison_rows, comparison_tables, describe_comparison
from paretoseg.search.store.reachable import check_reachable
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.objective import Objective, reference_point
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.objectives import RobustnessRule, measure_draws
from paretoseg.trainables.scoring.score_table import ScoredCase, ScoreTable
from paretoseg.trainables.seeds import derive_seed
from paretoseg.trainables.trainable import Split, SplitRow, Task

PICTURE = "comparison.png"
_LEAST_SHARED = 2
"""Fewer shared subjects show no spread."""


@dataclass(frozen=True, eq=False)
class _Opened:
    """A study that is compared."""

    name: str
    record: StudyRecord
    task: Task
    seed: int
    splits: Sequence[SplitRow] | None
    subjects: Mapping[str, str]
    tables: Mapping[int, ScoreTable] | None
    """By trial; None if the task has no cases."""

    @property
    def results(self) -> list[Result]:
        return self.record.feasible


def compare(locations: Sequence[str], output: str | None, console: Console, *, as_json: bool = False) -> int:
    """Compares the fronts of studies and draws them; returns the exit code.

    Args:
        locations: Folders or URIs of the studies, at least two.
        output: The picture to write, replaced if it exists; None for `comparison.png` in the working directory.
        console: Where it is shown.
        as_json: Whether an object is printed instead of tables.

    Raises:
        ValueError: if a study is missing, the fronts are not comparable, or the output cannot be a file.
        StorageError: if a study cannot be read or the file cannot be written.
    """
    target, name = locate_file(output or PICTURE, PICTURE)
    found = read_comparison(locations)
    target.write(name, draw_comparison(found))
    if as_json:
        print(json.dumps(comparison_rows(found), indent=2))
        return ExitCode.DONE
    for table in comparison_tables(found):
        console.print(table)
    for line in describe_comparison(found):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"Picture: {output or name}", markup=False, soft_wrap=True)
    return ExitCode.DONE


def read_comparison(locations: Sequence[str]) -> FrontComparison:
    """The comparison of stored studies. Reads neither their data nor their networks.

    Raises:
        ValueError: if a study is missing or empty, or they are not comparable; all reasons, a line each.
    """
    if len(locations) < 2:
        raise ValueError("comparing takes at least two studies, such as `compare studies/a studies/b`")
    if len(set(locations)) < len(locations):
        raise ValueError("a study is named twice; name each once")
    opened = [_open(location) for location in locations]
    names = [one.name for one in opened]
    if len(set(names)) < len(names):
        opened = [dataclasses.replace(one, name=place) for one, place in zip(opened, locations, strict=True)]
    if reasons := _find_reasons(opened):
        raise ValueError("\n".join(reasons))
    objectives, reference, notes = _settle_reference(opened)
    sampling, tables, more = _share_cases(opened)
    rule = opened[0].task.rule if isinstance(opened[0].task, ImageTask) else RobustnessRule()
    fronts = [
        ComparedFront(one.name, tuple(_to_candidate(result, of_study) for result in one.results))
        for one, of_study in zip(opened, tables, strict=True)
    ]
    generator = np.random.default_rng(derive_seed("comparison", *names))
    found = compare_fronts(fronts, objectives, reference, sampling, rule, generator)
    return dataclasses.replace(found, notes=(*notes, *more, *_describe_seeds(opened)))


def _open(location: str) -> _Opened:
    check_reachable(location)
    folder = StudyFolder(location)
    record = folder.read_record()
    if not record.front.results:
        raise ValueError(f"the front of {location} is empty, so there is nothing to compare")
    experiment = compose_stored(folder, record.created).experiment
    task = experiment.build_task()
    trials = [trial for result in record.feasible for trial in result.trials]
    tables = read_tables(folder, trials, Split.VALIDATION, task)
    opened = _Opened(
        record.created.study, record, task, experiment.seed, folder.read_splits(), read_subjects(folder), tables
    )
    _check_rows(opened)
    return opened


def _check_rows(opened: _Opened) -> None:
    """Refuses rows that do not give what the journal holds: the comparison must be that of the study's numbers."""
    if opened.tables is None or not isinstance(opened.task, ImageTask):
        return
    names = name_scores(opened.record.objectives)
    for number, table in opened.tables.items():
        kept = opened.record.trials[number].objectives
        for name, (value,) in measure_draws(table, table.once, opened.task.rule, names).items():
            if not abs(value - kept[name]) <= TOLERANCE:
                raise ValueError(
                    f"the rows of trial {number} of {opened.name} give {name} {value:.6f}, but the study kept "
                    f"{kept[name]:.6f}, so it was computed from other rows"
                )


def _find_reasons(opened: Sequence[_Opened]) -> list[str]:
    """Why studies cannot be compared with the first, a line each; empty if they can."""
    first = opened[0]
    return [f"{first.name} and {one.name}: {reason}" for one in opened[1:] for reason in _find_differences(first, one)]


def _find_differences(first: _Opened, other: _Opened) -> list[str]:
    objectives = [[_identify(item) for item in one.record.objectives] for one in (first, other)]
    if objectives[0] != objectives[1]:
        shown = [", ".join(f"{item.name} [{item.unit}]" for item in one.record.objectives) for one in (first, other)]
        return [f"their objectives are not the same ({shown[0]}; {shown[1]}); compare studies of the same objectives"]
    if isinstance(first.task, ImageTask) != isinstance(other.task, ImageTask):
        return ["only one of them has images; compare studies of the same task"]
    if not isinstance(first.task, ImageTask) or not isinstance(other.task, ImageTask):
        return [] if type(first.task) is type(other.task) else ["their tasks are not the same"]
    return _find_image_differences(first, other, first.task, other.task)


def _find_image_differences(first: _Opened, other: _Opened, task: ImageTask, others: ImageTask) -> list[str]:
    remedy = "measure both alike with `paretoseg rescore`, or compare studies that did"
    if task.metric != others.metric:
        return [f"they are scored in {task.metric} and {others.metric}; {remedy}"]
    found = []
    if task.rule != others.rule:
        found.append(f"their robustness is not the same function of the scores; {remedy}")
    battery, other_battery = task.battery(), others.battery()
    if set(battery.conditions) != set(other_battery.conditions):
        apart = set(battery.conditions) ^ set(other_battery.conditions)
        shown = ", ".join(sorted({one.describe() for one in apart})[:4])
        found.append(f"they were not measured under the same conditions ({shown}); {remedy}")
    elif _strengths(battery.strengths, battery.corruptions) != _strengths(other_battery.strengths, battery.corruptions):
        found.append(f"their corruptions have other strengths; {remedy}")
    if battery.rules != other_battery.rules:
        found.append(f"their images are corrupted or scored by other rules; {remedy}")
    shared = _find_shared([first, other])
    if len({first.subjects.get(case, case) for case in shared}) < _LEAST_SHARED:
        found.append(
            f"they share {len(shared)} validation cases, and {_LEAST_SHARED} subjects are the least; start both on the "
            "same data and splits"
        )
    return found


def _strengths(table: Mapping[str, object], names: Sequence[str]) -> list[object]:
    return [table.get(name) for name in names]


def _identify(item: Objective) -> tuple[object, ...]:
    """What must be equal for two objectives to be one; a logarithmic scale depends on its reference, too."""
    return item.name, item.unit, item.direction, item.ideal, item.reference if item.ideal is not None else None


def _find_shared(opened: Sequence[_Opened]) -> set[str]:
    """The validation cases that all studies have, with the same image and label; by name."""
    found = [
        {(row.case, row.image_sha256, row.label_sha256, row.shift) for row in one.splits if _is_validation(row)}
        if one.splits is not None
        else None
        for one in opened
    ]
    known = [rows for rows in found if rows is not None]
    if len(known) == len(found):
        return {case for case, *_ in set.intersection(*known)}
    # Studies that kept no splits are known by the names of their cases alone.
    names = [{case.name for table in (one.tables or {}).values() for case in table.cases} for one in opened]
    return set.intersection(*names)


def _is_validation(row: SplitRow) -> bool:
    return row.split == Split.VALIDATION


def _settle_reference(opened: Sequence[_Opened]) -> tuple[tuple[Objective, ...], np.ndarray, list[str]]:
    """The objectives, the worst of the reference points of all studies, and what is to be said of it."""
    objectives = opened[0].record.objectives
    points = np.array([reference_point(one.record.objectives) for one in opened])
    reference = points.max(axis=0)
    if (points == points[0]).all():
        return objectives, reference, []
    return objectives, reference, ["Their reference points differ; the worst of each objective is taken for all."]


def _share_cases(
    opened: Sequence[_Opened],
) -> tuple[Sampling | None, list[dict[int, ScoreTable]], list[str]]:
    """Who was sampled, the scores on the shared cases by study and trial, and what is to be said of it."""
    if any(one.tables is None for one in opened):
        return None, [{} for _ in opened], ["The task has no images, so differences have no intervals."]
    shared = _find_shared(opened)
    if len({opened[0].subjects.get(case, case) for case in shared}) < _LEAST_SHARED:
        raise ValueError(f"all studies together share {len(shared)} validation cases; compare fewer of them at a time")
    kept = [{number: _keep(table, shared) for number, table in (one.tables or {}).items()} for one in opened]
    everything = [table for tables in kept for table in tables.values()]
    first = everything[0]
    if any((table.cases, table.conditions) != (first.cases, first.conditions) for table in everything):
        raise ValueError("some trials were not measured on all of the shared cases, so the fronts cannot be compared")
    task = opened[0].task
    assert isinstance(task, ImageTask)
    sampling = find_sampling(everything, opened[0].subjects, task.rule, name_scores(opened[0].record.objectives))
    notes = [
        f"Of the {count} validation cases of {one.name}, the {len(first.cases)} that all studies share are compared."
        for one in opened
        if (count := len(next(iter((one.tables or {}).values())).cases)) > len(first.cases)
    ]
    seeds = {one.task.battery().seed for one in opened if isinstance(one.task, ImageTask)}
    if any(one.splits is None for one in opened):
        notes.append("A study kept no hashes of its cases, so cases are matched by their names.")
    if len(seeds) > 1:
        notes.append("Their corruptions were drawn with different seeds, so draws are not paired.")
    return sampling, kept, notes


def _keep(table: ScoreTable, names: set[str]) -> ScoreTable:
    """The table with the cases of these names alone."""
    places = [place for place, case in enumerate(table.cases) if case.name in names]
    cases: tuple[ScoredCase, ...] = tuple(table.cases[place] for place in places)
    return ScoreTable(cases, table.conditions, table.values[places])


def _to_candidate(result: Result, tables: Mapping[int, ScoreTable]) -> ComparedCandidate:
    return ComparedCandidate(
        number=result.number,
        tables=tuple(tables[trial.trial_id] for trial in result.trials if trial.trial_id in tables),
        objectives=tuple(trial.objectives for trial in result.trials),
        means=result.objectives,
    )


def _describe_seeds(opened: Sequence[_Opened]) -> list[str]:
    seeds = [sorted({trial.seed for result in one.results for trial in result.trials}) for one in opened]
    if all(some == seeds[0] for some in seeds):
        return [f"All were trained with the same seeds ({', '.join(map(str, seeds[0]))})."]
    shown = "; ".join(f"{one.name} {', '.join(map(str, some))}" for one, some in zip(opened, seeds, strict=True))
    return [f"They were not trained with the same seeds ({shown}), so a part of the difference may be that of seeds."]
