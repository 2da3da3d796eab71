"""Shift sets of data in files: cases held out by domain or by size of objects, or from another folder. Free of torch.

A name in `data.shift` is one of three things:

- a domain of the data: all of its cases;
- a stratum: `small_objects` or `large_objects`, the subjects whose foreground share (the mean over their cases) is in
  the lowest or highest quarter of all subjects that would otherwise be in the splits;
- a folder, recognised by a '/': another root of the same source, such as a new site; the set is named after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.listing import Entry, Listing, find_subject, shorten_names

SMALL, LARGE = "small_objects", "large_objects"
STRATA = (SMALL, LARGE)

QUARTER = 0.25
"""Share of the subjects in a stratum, counted from the smallest or the largest foreground."""


@dataclass(frozen=True)
class HeldOut:
    """The cases, those of shift sets marked, with findings and notes."""

    entries: tuple[Entry, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    """What is different in a shift set, by its name."""

    findings: tuple[Finding, ...] = ()


def resolve_path(name: str) -> str:
    """The entry of `data.shift` with an absolute path, because workers have other working directories.

    Nested folders of images give domains with a '/', so only existing paths, and names that cannot be a domain, count
    as paths.
    """
    if "/" not in name:
        return name
    path = Path(name).expanduser()
    return str(path.absolute()) if name.startswith(("/", ".", "~")) or path.is_dir() else name


def name_set(name: str) -> str:
    """The name of the shift set for an entry of `data.shift` as returned by `resolve_path`."""
    return Path(name).name if Path(name).is_absolute() else name


def find_strata(names: Sequence[str], entries: Sequence[Entry]) -> list[str]:
    """The strata among the names of shift sets; a domain of the same name takes precedence."""
    domains = {entry.domain for entry in entries}
    return [name for name in names if name in STRATA and name not in domains]


def hold_out_domains(entries: Sequence[Entry], names: Sequence[str], *, used_domains: Sequence[str]) -> HeldOut:
    """The cases that are used, with those of held-out domains marked.

    Args:
        entries: All cases of the data's root.
        names: The names in `data.shift`; strata and folders are ignored.
        used_domains: `data.train_domains`: the other domains that are used; empty for all.
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
    """The cases of all folders in `names`, each with its shift set.

    Their names start with the name of the set. So do subjects derived from file names, because `case_1` at two sites is
    not one person. Subjects given by a list or the pattern are not changed.

    Args:
        names: The entries of `data.shift`; all but absolute paths are ignored.
        listing: The cases of the data's own root.
        list_root: Lists the cases of another root.
        root: The data's own root.
        subject_pattern: Regular expression for the subject in a case's name, or ''.
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
        findings += [*offered.findings, *_compare(offered, listing, path)]
        entries += [_to_site(entry, site, subject_pattern) for entry in shorten_names(offered.entries)]
    return HeldOut(tuple(entries), findings=tuple(findings))


def hold_out_strata(entries: Sequence[Entry], names: Sequence[str], *, shares: Mapping[str, float]) -> HeldOut:
    """The cases, with those of the strata marked.

    Args:
        entries: All cases that are used; those of other shift sets are unchanged and do not count.
        names: The strata to hold out.
        shares: Foreground share by case; cases without one are unchanged.
    """
    by_subject: dict[str, list[float]] = {}
    for entry in entries:
        if not entry.shift and entry.name in shares:
            by_subject.setdefault(entry.subject, []).append(shares[entry.name])
    if not names or not by_subject:
        return HeldOut(tuple(entries))
    means = {subject: float(np.mean(values)) for subject, values in by_subject.items()}
    # Limits are shares of actual subjects, not values between them, so that the note is true for each subject of a
    # stratum.
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


def _find_problem(path: str, site: str, root: str, homes: Mapping[str, str]) -> str:
    """What is wrong with a folder, before it is read; '' if nothing is."""
    if not Path(path).is_dir():
        return "must be an existing folder with data like that in data.root"
    if Path(path).resolve() == Path(root).resolve():
        return "is data.root itself; name another folder"
    if site in homes:
        return f"would be shift set '{site}', which is the name of {homes[site]} too; rename the folder"
    return ""


def _compare(offered: Listing, listing: Listing, path: str) -> list[Finding]:
    """What a folder of a shift set says of its classes and channels that is not so in the data itself."""
    pairs: list[tuple[str, str, str]] = []
    if offered.class_names:
        pairs = [
            ("classes", ", ".join(listing.class_names), ", ".join(offered.class_names)),
            ("regions", _show_regions(listing), _show_regions(offered)),
            ("value of unknown pixels", str(listing.ignored_value), str(offered.ignored_value)),
        ]
    if offered.channel_names and listing.channel_names:
        pairs.append(("channels", ", ".join(listing.channel_names), ", ".join(offered.channel_names)))
    what, wanted, got = next((pair for pair in pairs if pair[1] != pair[2]), ("", "", ""))
    if not what:
        return []
    text = (
        f"shift set '{path}' must have the {what} of the data, {wanted}, got {got}; give both the same, in the same "
        "order"
    )
    kind = "channels" if what == "channels" else "classes"
    return [Finding(f"shift sets with other {kind}", path, text)]


def _show_regions(listing: Listing) -> str:
    """The classes of overlapping regions in words."""
    if listing.regions is None:
        return "none"
    named = zip(listing.class_names[1:], listing.regions.values, strict=True)
    return "; ".join(f"{name}: {', '.join(map(str, values))}" for name, values in named)


def _to_site(entry: Entry, site: str, subject_pattern: str) -> Entry:
    named = entry.subject or find_subject(entry.name, subject_pattern)
    subject = f"{site}/{entry.name}" if named == entry.name and not entry.subject else named
    return replace(entry, name=f"{site}/{entry.name}", subject=subject, domain=entry.domain or site, shift=site)
