"""The model card of an exported network: what it is, what it reached, and what it must not be used for. Markdown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paretoseg.search.reports.card_pictures import PicturedCase, describe_cases
from paretoseg.search.reports.card_sureness import describe_for_readers, describe_sureness
from paretoseg.search.reports.ensemble_text import describe_networks
from paretoseg.search.reports.markdown import escape, make_table
from paretoseg.search.reports.page_data import (
    count_empty,
    describe_cost,
    describe_metrics,
    find_corrupted,
    find_metric,
    mean_by_class,
    mean_by_severity,
    mean_by_shift,
    skips_absent_classes,
)
from paretoseg.search.reports.preparation_text import describe_use
from paretoseg.search.reports.robustness_text import describe_held_out, describe_profiles, describe_worst_family
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.architecture import PLANNED
from paretoseg.spaces.canonical import find_unused
from paretoseg.spaces.objective import Direction
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.data.datasets import DataConfig, Dataset, describe_shift_sets
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.scoring.measures import MEASURES
from paretoseg.trainables.trainable import CLEAN, CaseScore, Split

if TYPE_CHECKING:
    from paretoseg.search.certainty.certainty import Certainty

_USAGE = {
    "bundle": """\
Needs MONAI with `fire`, `nibabel` and `pillow`; paretoseg is not needed. In this folder:

    python -m monai.bundle run --config_file configs/inference.json --images FILE_OR_FOLDER --output_dir masks

An image is a `.nii`, `.nii.gz`, `.npy` or `.png` file with axes ({axes}){channels}. Intensities lie in [0, 1]; others
are scaled with `--intensity_range "[LOW,HIGH]"`, such as `"[0,255]"` for 8-bit pictures. Masks are NIfTI files with the
axes and the place in space of the image.

`scripts/` holds the code of the network, `models/model.pt` its weights (`torch.load(..., weights_only=True)`),
`architecture.yaml` its shape.
""",
    "onnx": """\
Needs `onnxruntime` and `numpy`; neither torch nor paretoseg. In this folder:

    python segment.py IMAGE.npy MASK.npy

An image is an array (channel, {axes}) with intensities in [0, 1]. `model.json` states every step around
`model.onnx`. The network takes any batch size, and the spatial extents that `extents` names: multiples of
`extents_divisible_by`, or those of the window.
""",
}


@dataclass(frozen=True)
class Exported:
    """What is exported, and how it was picked."""

    trial: Trial
    """The trial; for several networks, the candidate in the shape of a trial."""

    networks: Sequence[Trial] = ()
    """The trials whose networks are averaged; empty, or one, for a single network."""

    picked: Sequence[str] = ()
    """How it was picked, a sentence each."""

    number: int = 0
    """The candidate."""

    certainty: Certainty | None = None
    """How sure the front is; None if that is not known."""

    made: str = ""
    """When and with what it was exported, in a sentence."""

    cases: Sequence[PicturedCase] = ()
    """Cases with pictures, the worst first."""

    no_pictures: str = ""
    """Why there are none."""


def write_card(
    record: StudyRecord,
    exported: Exported,
    rows: Mapping[Split, Sequence[CaseScore]],
    *,
    dataset: Dataset,
    data: DataConfig,
    form: str,
) -> str:
    """The card of a network, or of several whose probabilities are averaged.

    Args:
        record: The study.
        exported: What is exported, and how it was picked.
        rows: Its scores by split, as kept in `cases/`, those of several networks in one list; may be empty.
        dataset: What it was trained and measured on.
        data: The settings that the dataset was loaded with.
        form: 'bundle' or 'onnx'.
    """
    trial, networks, several = exported.trial, exported.networks, len(exported.networks) > 1
    split = _choose_split(rows)
    title = f"{escape(record.created.study)}, {'candidate' if several else 'trial'} {trial.trial_id}"
    sections = {
        "How to use it": _describe_use(form, dataset, data),
        "What it is": _describe_candidate(trial),
        **({"The networks": describe_networks(networks, trial, form)} if several else {}),
        **({"How it was picked": escape(" ".join(exported.picked))} if exported.picked else {}),
        "What it reached": _describe_objectives(record, trial),
        "How sure that is": describe_sureness(record, exported.number, exported.certainty),
        "In percent and millimetres": describe_for_readers(rows.get(split, ()), split),
        "Its worst and best cases": describe_cases(exported.cases, split, exported.no_pictures),
        "On clean images, by class": _describe_classes(rows),
        "Under corruption": _describe_corruptions(rows, record),
        "On shift sets": _describe_shifts(rows, record),
        "Data": _describe_data(dataset, data),
        "Intended use and limits": _describe_limits(dataset, data, form),
    }
    intro = (
        f"{'Segmentation networks' if several else 'A segmentation network'} found by "
        "[paretoseg](https://github.com/paretoseg/paretoseg) in the study "
        f"'{escape(record.created.study)}', as one of {len(record.front.results)} on the Pareto front of "
        f"{' and '.join(objective.name for objective in record.objectives)} after {len(record.trials)} trials."
    )
    intro = "\n\n".join(filter(None, (intro, escape(exported.made), describe_gaps(record))))
    body = "\n\n".join(f"## {heading}\n\n{text.strip()}" for heading, text in sections.items())
    return f"# {title}\n\n{intro}\n\n{body}\n"


def describe_gaps(record: StudyRecord) -> str:
    """What the search has not finished, and so may have missed, in a sentence; empty if it is finished."""
    num_running = sum(trial.state is State.RUNNING for trial in record.trials)
    num_untested = 0 if record.confirming else sum(not trial.test for trial in record.front.trials)
    found = [f"{num_running} trials were interrupted"] if num_running else []
    if num_untested:
        found.append(f"{num_untested} members of the front are not measured on test cases")
    return f"The search is not finished: {' and '.join(found)}." if found else ""


def _describe_use(form: str, dataset: Dataset, data: DataConfig) -> str:
    if isinstance(data, FilesConfig):
        return describe_use(form, dataset, data.preprocessing)
    axes = "height, width" if dataset.spatial_dims == 2 else "depth, height, width"
    return _USAGE[form].format(axes=axes, channels="" if dataset.num_channels == 1 else ", channels last")


def _describe_candidate(trial: Trial) -> str:
    hidden = _list_replaced(trial.candidate)
    rows = [[name, escape(value)] for name, value in trial.candidate.as_dict().items() if name not in hidden]
    costs = [_describe_cost(name, value) for name, value in trial.costs.items()]
    device = f"\n\nLatency, memory and training time on {escape(trial.device)}." if trial.device else ""
    return make_table(["dimension", "value"], rows) + "\n\n" + make_table(["cost", "value", "unit"], costs) + device


def _list_replaced(candidate: Candidate) -> set[str]:
    """The dimensions that nnU-Net's plan and recipe replace: their values would say something wrong."""
    by_recipe = candidate.recipe.unused if candidate.recipe.training == "nnunet" else ()
    by_plan = find_unused(candidate.as_dict()) if candidate.architecture.family in PLANNED else ()
    return {*by_recipe, *by_plan}


def _describe_cost(name: str, value: float) -> list[str]:
    cost = describe_cost(name)
    return [cost["label"], f"{value:,.0f}" if value >= 1000 else f"{value:.3g}", cost["unit"] or "-"]


def _describe_objectives(record: StudyRecord, trial: Trial) -> str:
    rows = [
        [
            objective.name,
            escape(objective.unit),
            f"{trial.objectives[objective.name]:.4f}",
            f"{trial.test[objective.name]:.4f}" if objective.name in trial.test else "-",
            escape(objective.description),
        ]
        for objective in record.objectives
    ]
    note = "The search chose on validation cases; test cases were measured once, at its end."
    table = make_table(["objective", "unit", "validation", "test", "is"], rows + _describe_profile(record, trial))
    return "\n\n".join((table, note, *map(escape, describe_profiles([trial]))))


def _describe_profile(record: StudyRecord, trial: Trial) -> list[list[str]]:
    """Rows of what is reported beside the robustness; none if it was not recorded."""
    if trial.profile is None:
        return []
    meanings = {
        "held out": (
            describe_held_out,
            "robustness over held-out corruptions alone, against which no augmentation of the search helps",
        ),
        "worst family": (describe_worst_family, "the lowest mean over a family of changes"),
    }
    unit = escape(record.objectives[0].unit)
    return [
        [name, unit, escape(describe(trial.profile)), escape(describe(trial.test_profile)), f"{what}; reported only"]
        for name, (describe, what) in meanings.items()
    ]


def _choose_split(rows: Mapping[Split, Sequence[CaseScore]]) -> Split:
    return Split.TEST if rows.get(Split.TEST) else Split.VALIDATION


def _describe_classes(rows: Mapping[Split, Sequence[CaseScore]]) -> str:
    split = _choose_split(rows)
    shown = rows.get(split, ())
    metrics = describe_metrics(shown)
    if not metrics:
        return "Not recorded."
    empty = count_empty(shown)
    lines = []
    for label, means in mean_by_class(shown).items():
        counts = [str(empty[label][what]) if label in empty else "-" for what in ("prediction", "reference", "both")]
        numbers = [f"{means[item['name']]:.4f}" if item["name"] in means else "-" for item in metrics]
        lines.append([escape(label), *numbers, *counts])
    titles = [f"{item['label']} ({item['unit']})" if item["unit"] else item["label"] for item in metrics]
    head = ["class", *titles, "missed", "made up", "absent"]
    left_out = ", which are left out of the means" if skips_absent_classes(shown) else ""
    return (
        f"Means over the {split.value} cases. Missed: cases of the class in which nothing of it is predicted; made up: "
        f"cases without it in which it is predicted; absent: cases without it, rightly so{left_out}.\n\n"
        + make_table(head, lines)
    )


def _describe_corruptions(rows: Mapping[Split, Sequence[CaseScore]], record: StudyRecord) -> str:
    """A table for the metric of the objectives, then one for every other metric that was measured there."""
    split = _choose_split(rows)
    shown = rows.get(split, ())
    first = find_metric(record.objectives, shown)
    others = [name for name in find_corrupted(shown) if name != first]
    tables = [_tabulate_corruptions(shown, metric, split) for metric in (first, *others)]
    return "\n\n".join(table for table in tables if table) or "Not recorded."


def _tabulate_corruptions(rows: Sequence[CaseScore], metric: str, split: Split) -> str:
    means = mean_by_severity(rows, metric)
    clean = means.get(CLEAN, {}).get(0)
    if clean is None:
        return ""
    severities = sorted({severity for levels in means.values() for severity in levels if severity})
    lines = [
        [name, *(f"{levels[severity]:.4f}" if severity in levels else "-" for severity in severities)]
        for name, levels in means.items()
        if name != CLEAN
    ]
    heading = f"Mean {_name_metric(metric)} over the {split.value} cases; on clean images {clean:.4f}."
    return heading + "\n\n" + make_table(["corruption", *(f"severity {severity}" for severity in severities)], lines)


def _name_metric(name: str) -> str:
    """Title of a metric, with unit and direction if lower is better; all others lie between 0 and 1."""
    if name not in MEASURES:
        return name
    measure = MEASURES[name]
    unit = f" ({measure.unit}, lower is better)" if measure.direction is Direction.MINIMISE else ""
    return measure.title + unit


def _describe_shifts(rows: Mapping[Split, Sequence[CaseScore]], record: StudyRecord) -> str:
    split = _choose_split(rows)
    metric = find_metric(record.objectives, rows.get(split, ()))
    means = mean_by_shift(rows.get(split, ()), metric)
    if not {*means} - {""}:
        return "None were measured: how it performs on images of another kind than those in training is not known."
    title = MEASURES[metric].title if metric in MEASURES else metric
    lines = [
        [escape(name) or "as in training", str(found["cases"]), f"{found['mean']:.4f}"] for name, found in means.items()
    ]
    return f"Mean {title} on clean {split.value} images of another kind than those in training.\n\n" + make_table(
        ["shift set", "cases", f"mean {title}"], lines
    )


def _describe_data(dataset: Dataset, data: DataConfig) -> str:
    # The folder of a shift set is a path on some machine, its name is not.
    values = {field.name: getattr(data, field.name) for field in dataclasses.fields(data)} | {"shift": [*dataset.shift]}
    settings = [[name, escape(value)] for name, value in values.items() if name not in ("root", "cache")]
    counts = f"{len(dataset.train)} training, {len(dataset.validation)} validation and {len(dataset.test)} test cases"
    shifts = "".join(f"\n\nHeld out, {escape(line)}." for line in describe_shift_sets(dataset))
    classes = ", ".join(f"{label} {escape(name)}" for label, name in enumerate(dataset.class_names))
    spacing = " x ".join(f"{edge:g}" for edge in dataset.spacing_mm)
    return (
        f"{escape(dataset.name)}: {counts}, {dataset.num_channels} channel(s), spacing {spacing} mm. "
        f"Classes: {classes}.{shifts}\n\n" + make_table(["setting", "value"], settings)
    )


def _describe_limits(dataset: Dataset, data: DataConfig, form: str) -> str:
    if not isinstance(data, FilesConfig):
        preparation = (
            "the export neither reorients nor resamples them, and scales intensities by two constants at most; prepare "
            "them with the settings above"
        )
    elif form == "bundle":
        preparation = "the bundle prepares raw files in the same way, but fits no other modality, protocol or anatomy"
    else:
        preparation = "the export prepares nothing; do it step by step as said above"
    return (
        "For research only. It is not a medical device and must not be used for diagnosis or treatment.\n\n"
        f"It was trained on {len(dataset.train)} cases of one dataset and measured only on the corruptions above: "
        "how it performs on other scanners, populations or artefacts is not known. It expects images as they were in "
        f"training: {preparation}. The licence and the consent of the data also apply to its weights."
    )
