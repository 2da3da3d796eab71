"""The command `paretoseg predict`: masks of images by a network of a study, or by an exported bundle."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from paretoseg.cluster.exit_codes import ExitCode
from paretoseg.search.commands.picked_network import load_trained, pick_network
from paretoseg.search.commands.prediction_files import SKIP, Target, count_files_per_image, plan_targets
from paretoseg.search.commands.segmenting import check_images, segment_images
from paretoseg.search.running.importing import importing
from paretoseg.search.store.lock import find_writer
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.spaces.atomic_file import write_atomically
from paretoseg.trainables.data.findings import Finding, to_lines
from paretoseg.trainables.export.mask_files import encode_mask, encode_probabilities, measure_voxel_ml

if TYPE_CHECKING:
    from paretoseg.trainables.export.applying import Answer, AppliedBundle


@dataclass(frozen=True)
class Wanted:
    """What is to be predicted, and how."""

    pick: str | None
    seeds: str | None
    output: str
    has_probabilities: bool
    existing: str
    batch: int | None
    device: str
    intensity_range: tuple[float, float] | None


def predict(place: str, images: Sequence[str], wanted: Wanted, console: Console, *, as_json: bool) -> int:
    """Segments images and writes a mask for each; returns the exit code: 0, or 75 if it was interrupted.

    Args:
        place: Folder or URI of a study, or the folder of a bundle.
        images: Files, and folders of files.
        wanted: Which network, and what is written where.
        console: Where progress is shown; with `as_json`, not the standard output.
        as_json: Whether a list of flat objects, one an image, is printed at the end.

    Raises:
        ValueError: for mistakes of the user's, a line each, before anything is written; or a disk that is full.
    """
    if wanted.batch is not None and wanted.batch < 1:
        raise ValueError(f"--batch must be at least 1, got {wanted.batch}")
    plan = partial(
        plan_targets, images, Path(wanted.output), wanted.existing, has_probabilities=wanted.has_probabilities
    )
    targets, findings = plan()
    if findings and not targets:  # before a network is looked for
        raise ValueError("\n".join(to_lines(findings)))
    with open_place(place, wanted.pick, wanted.seeds, console) as bundle:
        targets, findings = plan(files_per_image=count_files_per_image(bundle))
        left = [target for target in targets if not (wanted.existing == SKIP and target.is_done)]
        if len(left) < len(targets):
            console.print(f"{len(targets) - len(left)} of {len(targets)} images have their masks and are skipped.")
        rows = _segment_all(bundle, left, findings, wanted, console) if left or findings else []
    if as_json:
        print(json.dumps(rows, indent=2))
    if len(rows) < len(left):
        console.print(
            f"Interrupted: {len(rows)} of {len(left)} masks are written; --existing skip goes on from here.",
            soft_wrap=True,
        )
        return ExitCode.WORK_LEFT
    console.print(f"Written: {len(rows)} mask{'s' * (len(rows) != 1)} in {wanted.output}", markup=False, soft_wrap=True)
    return ExitCode.DONE


@contextmanager
def open_place(place: str, pick: str | None, seeds: str | None, console: Console) -> Iterator[Path]:
    """The bundle at a place, or a temporary one of the network that is picked from a study.

    Args:
        place: Folder or URI of a study, or the folder of a bundle.
        pick: Which candidate of a study; the knee if None.
        seeds: 'median' or 'all'; the former if None.
        console: Where it is said which network of a study is picked.

    Raises:
        ValueError: if there is nothing of the kind, or a bundle is not whole.
    """
    folder = Path(place)
    if (folder / "model.json").is_file() and not (folder / "configs").exists():
        raise ValueError(f"'{place}' is an export as onnx; segment.py in it applies it, or export a bundle")
    if not (folder / "configs" / "inference.json").is_file():
        with tempfile.TemporaryDirectory(prefix="paretoseg-predict-") as temporary:
            yield _write_picked(place, pick, seeds, Path(temporary), console)
        return
    if pick is not None or seeds is not None:
        raise ValueError(f"'{place}' is a bundle, which holds what was picked; leave out --pick and --seeds")
    if missing := [name for name in ("models/model.pt", "configs/metadata.json") if not (folder / name).is_file()]:
        raise ValueError(f"'{place}' is no whole bundle: {' and '.join(missing)} missing; copy all of it")
    yield folder


def _write_picked(place: str, pick: str | None, seeds: str | None, target: Path, console: Console) -> Path:
    """Writes the network that is picked from a study as a bundle into an empty folder, and says which it is."""
    folder = StudyFolder(place)
    record = folder.read_record()
    picked = pick_network(folder, record, pick, seeds)
    for line in picked.lines:
        console.print(line, markup=False, soft_wrap=True)
    if writer := find_writer(folder.folder):
        console.print(f"Note: the search is running ({writer}); a better network may follow.", soft_wrap=True)
    model = load_trained(folder, record, picked.number, picked.trials)
    with importing():
        from paretoseg.trainables.export.bundle import write_bundle  # torch, MONAI: late, refusals come at once

    write_bundle(target, model)
    return target


def _segment_all(
    bundle: Path, targets: Sequence[Target], findings: list[Finding], wanted: Wanted, console: Console
) -> list[dict[str, Any]]:
    """Checks all images, then segments them; returns a row for every mask that was written.

    Raises:
        ValueError: with all findings.
    """
    with importing():
        from paretoseg.trainables.export.applying import (
            choose_device,
            open_bundle,
            read_classes,  # torch, MONAI: late, refusals come at once
        )

    _check_range(bundle, wanted)
    classes, device = read_classes(bundle), choose_device(wanted.device)
    with open_bundle(bundle, device, wanted.intensity_range) as applied, _show_progress(console) as progress:
        findings += check_images(
            applied, (target.image for target in progress.track(targets, description="checking images"))
        )
        if findings:
            raise ValueError("\n".join(to_lines(findings)))
        rows: list[dict[str, Any]] = []
        waiting = progress.add_task("segmenting", total=len(targets))
        try:
            for row in _segment(applied, targets, wanted, classes):
                rows.append(row)
                progress.advance(waiting)
                console.print(_describe(len(rows), len(targets), row), markup=False, highlight=False, soft_wrap=True)
        except KeyboardInterrupt:
            pass
        return rows


def _segment(
    applied: AppliedBundle, targets: Sequence[Target], wanted: Wanted, classes: Mapping[str, Sequence[int]]
) -> Iterator[dict[str, Any]]:
    """Segments images of one shape together, and writes what is wanted of each.

    Raises:
        ValueError: if memory or disk do not suffice.
    """
    images = [target.image for target in targets]
    answers = segment_images(applied, images, wanted.batch, has_probabilities=wanted.has_probabilities)
    for target, (answer, seconds) in zip(targets, answers, strict=True):
        try:
            yield _write(target, answer, classes) | {"seconds": round(seconds, 3)}
        except OSError as error:
            raise ValueError(
                f"cannot write '{target.mask}': {error.strerror or error}; make room, then --existing skip goes on"
            ) from None


def _write(target: Target, answer: Answer, classes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Writes the files of an image; returns what is said of it."""
    target.mask.parent.mkdir(parents=True, exist_ok=True)
    if target.probabilities is not None and answer.probabilities is not None:
        write_atomically(target.probabilities, encode_probabilities(answer.probabilities, target.image))
    write_atomically(target.mask, encode_mask(answer.mask, target.image))
    of_value = np.bincount(answer.mask.ravel(), minlength=256)
    counts = {name: int(of_value[list(values)].sum()) for name, values in classes.items()}
    voxel_ml = measure_voxel_ml(target.image)
    row: dict[str, Any] = {"image": str(target.image), "mask": str(target.mask)}
    row |= {"probabilities": str(target.probabilities)} if target.probabilities else {}
    row |= {f"{name}_voxels": count for name, count in counts.items()}
    if voxel_ml is not None:
        row |= {f"{name}_ml": round(count * voxel_ml, 4) for name, count in counts.items()}
    return row


def _describe(number: int, total: int, row: Mapping[str, Any]) -> str:
    """One line: what was written, and how much of the image is of every class but the background."""
    is_measured = any(key.endswith("_ml") for key in row)
    ending, unit = ("_ml", "ml") if is_measured else ("_voxels", "px")
    amounts = [(key.removesuffix(ending), value) for key, value in row.items() if key.endswith(ending)][1:]
    said = ", ".join(
        f"{name} {value:.2f} {unit}" if is_measured else f"{name} {value} {unit}" for name, value in amounts
    )
    return f"[{number}/{total}] {row['mask']}: {said} ({row['seconds']:.1f} s)"


def _check_range(bundle: Path, wanted: Wanted) -> None:
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    if wanted.intensity_range is not None and "intensity_range" not in config:
        raise ValueError("this network prepares raw files itself, as in training; leave out --intensity-range")


def _show_progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
