"""Shift sets of data in files: cases held out by domain, by size of objects, or from another folder. Free of torch.

A name in `data.shift` is one of three things:

- a domain of the data: all of its cases;
- a stratum: `small_objects` or `large_objects`, the subjects whose foreground share lies in the lowest or the highest
  quarter of all subjects that would train, choose and test otherwise (the mean over a subject's cases counts);
- a folder, told by a '/' in it: another root of the same source, such as a new site; the set is named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.listing import Entry, Listing, find_subject, shorten_names

SMALL, LARGE = "small_objects", "large_objects"
STRATA = (SMALL, LARGE)

QUARTER = 0.25
"""Share of the subjects, counted from the smallest or the largest foreground, that a stratum holds."""


@dataclass(frozen=True)
class HeldOut:
    """The cases with those of shift sets marked, and what is to be said of them."""

    entries: tuple[Entry, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    """What makes a shift set another, by its name."""

    findings: tuple[Finding, ...] = ()


def resolve_path(name: str) -> str:
    """The entry of `data.shift` with a path in full, as workers have working directories of their own.

    Nested folders of images give domains with a '/', so only what is there, or cannot be a domain, counts as a path.
    """
    if "/" not in name:
        return name
    path = Path(name).expanduser()
    return str(path.absolute()) if name.startswith(("/", ".", "~")) or path.is_dir() else name


def name_set(name: str) -> str:
    """The name of the shift set that an entry of `data.shift` stands for, as `resolve_path` gives it."""
    return Path(name).name if Path(name).is_absolute() else name


def find_strata(names: Sequence[str], entries: Sequence[Entry]) -> list[str]:
    """The strata among the names of shift sets; a domain of such a name goes before."""
    domains = {entry.domain for entry in entries}
    return [name for name in names if name in STRATA and name not in domains]


def hold_out_domains(entries: Sequence[Entry], names: Sequence[str], *, used_domains: Sequence[str]) -> HeldOut:
    """The cases that are used, those of held-out domains marked.

    Args:
        entries: All of the data's root.
        names: What `data.shift` says; strata and folders are passed over.
        used_domains: What `data.train_domains` says: the other domains that are used, or empty for all.
    """
    known = sorted({entry.domain for entry in entries if entry.domain})
    shown = f"known: {', '.join(known)}" if known else "this data names no domains"
    findings = []
    for name in used_domains:
        if name not in known:
            text = f"data.train_domains: unknown domain '{name}'; {suggest(name, known)}{shown}"
            findings.append(Finding("unknown domains", name, text))
    for name in names:
        if name not in (*known, *STRATA) and not Path(name).is_absolute():
            gone = ", and there is no folder of that path" if "/" in name else ""
            text = (
                f"data.shift: unknown shift set '{name}'{gone}; {suggest(name, [*known, *STRATA])}{shown}; besides: "
                f"{', '.join(STRATA)}, or a folder (a path with '/')"
            )
            findings.append(Finding("unknown shift sets", name, text))
    marked = [replace(entry, shift=entry.domain) if entry.domain in names else entry for entry in entries]
    used = [entry for entry in marked if entry.shift or not used_domains or entry.domain in used_domains]
    return HeldOut(tuple(used), findings=tuple(findings))


def read_sites(
    names: Sequence[str], listing: Listing, *, list_root: Callable[[str], Listing], root: str, subject_pattern: str
) -> HeldOut:
    """The cases of all folders among the names, each with its shift set.

    Their names begin with that of the set, and so do subjects that nobody named: `case_1` at two sites is not one
    person. Subjects that a list or the pattern names are taken at their word.

    Args:
        names: What `data.shift` says; all but full paths is passed over.
        listing: What the data's own root offers.
        list_root: What the source offers in another root.
        root: The data's own root.
        subject_pattern: Finds the subject in a case's name, or ''.
    """
    entries: list[Entry] = []
    findings: list[Finding] = []
    homes = {name: "data.shift" for name in names if not Path(name).is_absolute()}
    homes |= {entry.domain: "a domain of the data" for entry in listing.entries}
    for path in (name for name in names if Path(name).is_absolute()):
        site = Path(path).name
        if problem := _find_problem(path, site, root, homes):
            findings.append(Finding("folders of shift sets", path, f"data.shift: '{path}' {problem}"))
            continue
        homes[site] = f"'{path}'"
        offered = list_root(path)
        findings += [*offered.findings, *_compare_classes(offered, listing, path)]
        entries += [_to_site(entry, site, subject_pattern) for entry in shorten_names(offered.entries)]
    return HeldOut(tuple(entries), findings=tuple(findings))


def hold_out_strata(entries: Sequence[Entry], names: Sequence[str], *, shares: Mapping[str, float]) -> HeldOut:
    """The cases with those of the strata marked.

    Args:
        entries: All that are used; those of other shift sets are left alone and do not count.
        names: The strata that are wanted.
        shares: Foreground share by case; cases without one are left alone.
    """
    by_subject: dict[str, list[float]] = {}
    for entry in entries:
        if not entry.shift and entry.name in shares:
            by_subject.setdefault(entry.subject, []).append(shares[entry.name])
    if not names or not by_subject:
        return HeldOut(tuple(entries))
    means = {subject: float(np.mean(values)) for subject, values in by_subject.items()}
    # Limits are shares of subjects, not between them: what is said of a stratum holds for each of its subjects.
    low = float(np.quantile(list(means.values()), QUARTER, method="lower"))
    high = float(np.quantile(list(means.values()), 1.0 - QUARTER, method="higher"))
    if low >= high:
        text = (
            f"data.shift: {' and '.join(names)} need subjects of different size, but the foreground share is {low:.4g} "
            "for most; leave strata out"
        )
        return HeldOut(tuple(entries), findings=(Finding("strata", names[0], text),))
    homes: dict[str, str] = {}
    notes = {}
    if SMALL in names:
        homes |= {subject: SMALL for subject, share in means.items() if share <= low}
        notes[SMALL] = f"foreground covers at most {low:.4g} of the image (the lowest quarter of {len(means)} subjects)"
    if LARGE in names:
        homes |= {subject: LARGE for subject, share in means.items() if share >= high}
        notes[LARGE] = (
            f"foreground covers at least {high:.4g} of the image (the highest quarter of {len(means)} subjects)"
        )
    marked = [entry if entry.shift else replace(entry, shift=homes.get(entry.subject, "")) for entry in entries]
    return HeldOut(tuple(marked), notes)


def find_foreground_share(label: UInt8[np.ndarray, "..."]) -> float:
    """Share of the pixels or voxels that are of any foreground class, in [0, 1]."""
    return float(np.count_nonzero(label) / label.size)


def _find_problem(path: str, site: str, root: str, homes: Mapping[str, str]) -> str:
    """What is wrong with a folder before anything in it is looked at, or ''."""
    if not Path(path).is_dir():
        return "must be an existing folder with data like that in data.root"
    if Path(path).resolve() == Path(root).resolve():
        return "is data.root itself; name another folder"
    if site in homes:
        return f"would be shift set '{site}', which is the name of {homes[site]} too; rename the folder"
    return ""


def _compare_classes(offered: Listing, listing: Listing, path: str) -> list[Finding]:
    if not offered.class_names or offered.class_names == listing.class_names:
        return []
    text = (
        f"shift set '{path}' must have the classes of the data, {', '.join(listing.class_names)}, got "
        f"{', '.join(offered.class_names)}; give both the same, in the same order"
    )
    return [Finding("shift sets with other classes", path, text)]


def _to_site(entry: Entry, site: str, subject_pattern: str) -> Entry:
    named = entry.subject or find_subject(entry.name, subject_pattern)
    subject = f"{site}/{entry.name}" if named == entry.name and not entry.subject else named
    return replace(entry, name=f"{site}/{entry.name}", subject=subject, domain=entry.domain or site, shift=site)
