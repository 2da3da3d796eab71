"""What is settled and checked before an ablation starts: the candidate, its neighbours, and what is to be trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paretoseg.cluster.cluster import BatchConfig, DirectConfig
from paretoseg.search.ablation.neighbours import Neighbour, check_dimensions, choose_spread, find_neighbours
from paretoseg.search.ablation.pairs import Pair, list_pairs
from paretoseg.search.candidates.result import Result
from paretoseg.search.config.config import CHOICES, Composed, compose
from paretoseg.search.config.overrides import dict_of
from paretoseg.search.config.resuming import merge_overrides
from paretoseg.search.config.splits import check_splits
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.store.ablation_folder import AblationFolder
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.confirmation import MAX_SEEDS
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.search_space import Candidate, SearchSpace
from paretoseg.trainables.preferences import find_forbidden
from paretoseg.trainables.trainable import Split, Task

SEEDS, MOST = 3, 12
"""How many seeds, and how many neighbours at most, unless the user asks for others."""

PLACE = ("data.root", "data.cache", "data.cache_gb", "resources", "cluster")
"""What may differ from the study: where data lies and where the work runs."""


@dataclass(frozen=True)
class Wanted:
    """What the user asks for."""

    candidate: int
    seeds: int = SEEDS
    most: int = MOST
    dimensions: tuple[str, ...] | None = None
    """The dimensions to change; None for all that the study searches."""


@dataclass(frozen=True)
class AblationPlan:
    """An ablation that passed all checks and can start."""

    record: StudyRecord
    folder: StudyFolder
    target: AblationFolder
    composed: Composed
    task: Task
    cluster: DirectConfig
    candidate: Candidate
    number: int
    """Of the candidate."""

    every: Sequence[Neighbour]
    """All neighbours in the space of the study."""

    chosen: Sequence[Neighbour]
    left_out: Sequence[Neighbour]
    """Those of the dimensions that were asked for: the ones that are tried, and the others."""

    seeds: tuple[int, ...]
    known: dict[Pair, Trial]
    """The study's own trials of the candidate and all neighbours, by candidate and seed."""

    notes: Sequence[str]

    @property
    def pairs(self) -> list[Pair]:
        """All trainings of the ablation, those that exist included."""
        return list_pairs([self.candidate, *(one.candidate for one in self.chosen)], self.seeds)


def make_ablation_plan(location: str, wanted: Wanted, overrides: Sequence[str]) -> AblationPlan:
    """Checks all that can be checked before anything is written or trained.

    Raises:
        ValueError: for a mistake of the user's, in one line.
    """
    _check_numbers(wanted)
    folder = StudyFolder(location)
    record = folder.read_record()
    result, notes = _find_candidate(record, wanted.candidate)
    if name := record.created.name_baseline(result.candidate):
        raise ValueError(
            f"candidate {result.number} is the baseline {name}, whose choices the study does not search; name another"
        )
    composed = _compose(folder, record.created, overrides)
    experiment = composed.experiment
    assert isinstance(experiment.cluster, DirectConfig), "an ablation is no job"
    task = experiment.build_task()
    _check_task(folder, record, task)
    every, asked = _find_neighbours(experiment.build_space(), result, wanted)
    allowed, forbidden = _split_allowed(asked, task, record, result)
    chosen, left_out = choose_spread(allowed, wanted.most)
    experiment.cluster.check(experiment.resources)
    seeds = tuple(experiment.seed + place for place in range(wanted.seeds))
    plan = AblationPlan(
        record=record,
        folder=folder,
        target=AblationFolder(folder.folder, result.number),
        composed=composed,
        task=task,
        cluster=experiment.cluster,
        candidate=result.candidate,
        number=result.number,
        every=every,
        chosen=chosen,
        left_out=left_out,
        seeds=seeds,
        known=_find_known(folder, record, {result.candidate, *(one.candidate for one in every)}),
        notes=[*folder.journal.describe_left_out(), *notes, *forbidden],
    )
    check_target(plan)  # before anything is written
    return plan


def check_target(plan: AblationPlan) -> StudyRecord | None:
    """The ablation so far, or None if it was never started.

    Raises:
        ValueError: if the folder holds trainings of another study or candidate, or its journal is damaged.
    """
    target = plan.target
    if not target.exists():
        target.check_unused()
        return None
    record = target.read_record()
    ours = {plan.candidate, *(one.candidate for one in plan.every)}
    strange = [trial.trial_id for trial in record.trials if trial.candidate not in ours]
    names, wanted = ([item.name for item in one.objectives] for one in (record, plan.record))
    if record.created.study != plan.record.created.study or names != wanted or strange:
        what = f"trial {strange[0]} there is none of its neighbours" if strange else "it belongs to another study"
        raise ValueError(
            f"'{target.folder.location}' does not hold an ablation of candidate {plan.number}: {what}; move it away"
        )
    return record


def _check_numbers(wanted: Wanted) -> None:
    if not 1 <= wanted.seeds <= MAX_SEEDS:
        raise ValueError(f"--seeds must lie in 1..{MAX_SEEDS}, got {wanted.seeds}")
    if wanted.most < 1:
        raise ValueError(f"--most must be at least 1, got {wanted.most}")


def _find_candidate(record: StudyRecord, number: int) -> tuple[Result, list[str]]:
    """The candidate of this number, or that of the trial of this number, with notes for the user."""
    known = {result.number: result for result in record.results}
    if number in known:
        return known[number], []
    for result in known.values():
        if number in (trial.trial_id for trial in (*result.trials, *result.collapsed)):
            return result, [f"trial {number} is a further seed of candidate {result.number}, which is ablated"]
    if not known:
        raise ValueError("the study has no candidate with a sound network yet; resume the search first")
    raise ValueError(
        f"the study has no candidate {number} with a sound network; known: {', '.join(map(str, sorted(known)))}"
    )


def _compose(folder: StudyFolder, created: Created, overrides: Sequence[str]) -> Composed:
    """The experiment of the study; it runs on this machine unless a cluster is named."""
    for override in overrides:
        if "=" not in override:
            raise ValueError(f"cannot read {override!r}; an override reads key=value, such as resources.cpus=2")
    asked = dict_of(overrides)
    others = [key for key in asked if not {key, key.split(".")[0]} & {*PLACE}]
    if others:
        if others[0] not in (*CHOICES, "experiment"):
            compose(merge_overrides(created.overrides, overrides))  # refuses what is not known, with the known keys
        raise ValueError(
            f"an ablation trains and measures as the study did and cannot change {others[0]}; it takes "
            f"{', '.join(PLACE[:-2])}, resources.* and cluster"
        )
    composed = compose_stored(folder, created, overrides, PLACE)
    if isinstance(composed.experiment.cluster, BatchConfig):
        if "cluster" in asked:
            raise ValueError(
                "an ablation runs with cluster=local, serial or attached; in a job, cluster=attached uses the job's Ray"
            )
        composed = compose_stored(folder, created, [*overrides, "cluster=local"], PLACE)
    return composed


def _find_neighbours(space: SearchSpace, result: Result, wanted: Wanted) -> tuple[list[Neighbour], list[Neighbour]]:
    """All neighbours of a candidate, and those of the dimensions that were asked for."""
    check_dimensions(space, wanted.dimensions or ())
    try:
        every = find_neighbours(space, result.candidate)
    except ValueError as error:
        raise ValueError(
            f"candidate {result.number} lies outside of the study's space, as its {error}; restore experiment.yaml "
            "and the journal from a backup"
        ) from None
    asked = find_neighbours(space, result.candidate, wanted.dimensions) if wanted.dimensions else every
    if not asked:
        raise ValueError(
            f"candidate {result.number} has no neighbour: changing {', '.join(wanted.dimensions or space.searched)} "
            "gives the same network; name other dimensions with --dimensions"
        )
    return every, asked


def _split_allowed(
    neighbours: Sequence[Neighbour], task: Task, record: StudyRecord, result: Result
) -> tuple[list[Neighbour], list[str]]:
    """The neighbours that break no constraint which is known before a training, and a note on each of the others."""
    broken = {one.candidate: find_forbidden(task, record.constraints, one.candidate) for one in neighbours}
    allowed = [one for one in neighbours if not broken[one.candidate]]
    if not allowed:
        raise ValueError(
            f"every neighbour of candidate {result.number} breaks a constraint that is known before a training "
            f"({', '.join(sorted({name for names in broken.values() for name in names}))}); name other dimensions with "
            "--dimensions"
        )
    return allowed, [
        f"{one.describe()} is not trained, as it breaks {' and '.join(broken[one.candidate])}"
        for one in neighbours
        if broken[one.candidate]
    ]


def _check_task(folder: StudyFolder, record: StudyRecord, task: Task) -> None:
    names, wanted = ([item.name for item in items] for items in (record.objectives, task.objectives()))
    if names != wanted:
        raise ValueError(
            f"the journal names the objectives {', '.join(names)}, but experiment.yaml those of {', '.join(wanted)}; "
            "restore both from a backup"
        )
    try:
        task.check()
        check_splits(folder, task)
    except ValueError as error:
        raise ValueError("; ".join(str(error).splitlines())) from None


def _find_known(folder: StudyFolder, record: StudyRecord, candidates: set[Candidate]) -> dict[Pair, Trial]:
    """The study's finished trials of these candidates whose rows are there; of two with one seed, the first.

    A trial whose network is broken is one of them: the same training would give the same network.
    """
    found: dict[Pair, Trial] = {}
    for trial in record.trials:
        is_ours = trial.state is State.FINISHED and trial.candidate in candidates
        if is_ours and folder.cases.has(trial.trial_id, Split.VALIDATION):
            found.setdefault((trial.candidate, trial.seed), trial)
    return found
