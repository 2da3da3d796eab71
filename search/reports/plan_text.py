"""The fingerprint of a dataset and the plan for it, as tables, as JSON, and as keys of the config."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from paretoseg.trainables.planning import fingerprint as fingerprints
from paretoseg.trainables.planning import plan as plans
from paretoseg.trainables.planning.fingerprint import ClassFacts, Fingerprint
from paretoseg.trainables.planning.plan import Plan
from paretoseg.trainables.planning.settings import suggest_settings

PLAN_FILE = "plan.json"
"""The file that holds all of it."""

SCHEMA = 1
"""Version of the JSON; it grows when the meaning of a key changes."""


def to_json(fingerprint: Fingerprint, plan: Plan) -> dict[str, object]:
    """The fingerprint, the plan with its reasons, and the keys that start a search from it."""
    return {
        "schema": SCHEMA,
        "fingerprint": fingerprints.to_plain(fingerprint),
        "plan": plans.to_plain(plan),
        "overrides": suggest_overrides(fingerprint, plan),
    }


def suggest_overrides(fingerprint: Fingerprint, plan: Plan) -> list[str]:
    """The keys of a search on this spacing with intensities scaled like this, as far as the config can say it."""
    return [f"data.{name}={_to_word(value)}" for name, value in suggest_settings(fingerprint, plan).items()]


def fingerprint_table(fingerprint: Fingerprint) -> Table:
    """Shapes, spacings and intensities of a dataset."""
    table = Table(
        title=f"{fingerprint.name}: fingerprint of {fingerprint.num_cases} training cases", title_justify="left"
    )
    for heading in ("", "lowest", "median", "highest"):
        table.add_column(heading, justify="left" if not heading else "right")
    for axis in range(fingerprint.spatial_dims):
        table.add_row(f"voxels, axis {axis + 1}", *_spread([shape[axis] for shape in fingerprint.shapes]))
    for axis in range(fingerprint.spatial_dims):
        table.add_row(f"spacing, axis {axis + 1} (mm)", *_spread([edges[axis] for edges in fingerprint.spacings_mm]))
    for name, found in zip(fingerprint.channels, fingerprint.intensities, strict=True):
        about = f"{name}: mean {found.mean:.4g}, standard deviation {found.std:.4g}; .5th, 50th, 99.5th percentile"
        table.add_row(about, *(f"{value:.4g}" for value in (found.low, found.median, found.high)))
    return table


def class_table(fingerprint: Fingerprint) -> Table:
    """How large every class is, and in how many cases it is."""
    table = Table(title="classes", title_justify="left")
    unit = "mm^3" if fingerprint.spatial_dims == 3 else "mm^2"
    for heading in ("class", "cases", "share of the cases", "share of their voxels", "median voxels", f"median {unit}"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    for row in fingerprint.classes:
        table.add_row(row.name, *_show_class(row))
    return table


def plan_table(plan: Plan) -> Table:
    """Every number of the plan with its reason."""
    table = Table(title="plan by the rules of nnU-Net", title_justify="left", show_lines=True)
    for heading in ("what", "value", "because"):
        table.add_column(heading, overflow="fold")
    shown = {
        "spacing_mm": ("spacing (mm)", _join(plan.spacing_mm)),
        "median_shape": ("median image", _join(plan.median_shape)),
        "intensity": ("intensities", ", ".join(plan.intensity)),
        "patch": ("patch", _join(plan.patch)),
        "strides": ("strides by level", "\n".join(_join(level) for level in plan.strides)),
        "kernels": ("kernels by level", "\n".join(_join(level) for level in plan.kernels)),
        "features": ("channels by level", ", ".join(map(str, plan.features))),
        "batch": ("batch", str(plan.batch)),
        "memory_gb": ("memory (GB)", f"{plan.memory_gb:.2g}"),
    }
    assert shown.keys() == plan.reasons.keys(), "a number has no reason"
    for key, (name, value) in shown.items():
        table.add_row(name, value, plan.reasons[key])
    return table


def _show_class(row: ClassFacts) -> Sequence[str]:
    return (
        str(row.num_cases),
        f"{row.prevalence:.0%}",
        f"{row.share:.2%}",
        f"{row.median_voxels:g}",
        f"{row.median_mm:.5g}",
    )


def _spread(values: Sequence[float]) -> list[str]:
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return [f"{value:g}" for value in (ordered[0], middle, ordered[-1])]


def _join(edges: Sequence[float]) -> str:
    return " x ".join(f"{edge:g}" for edge in edges)


def _to_word(value: str | list[float]) -> str:
    return value if isinstance(value, str) else f"[{','.join(f'{number:g}' for number in value)}]"
