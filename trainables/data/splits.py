"""Splits: subjects are divided into training, validation and test once, by a seed. Free of torch.

All cases of a subject are in one split. Splits given in a list are kept; the other subjects are drawn so that every
split gets its share of every domain, as nearly as whole subjects allow. Subjects of shift sets are in validation or
test only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from paretoseg.trainables.data.findings import Finding
from paretoseg.trainables.data.listing import SPLITS, Entry
from paretoseg.trainables.data.shift_sets import HeldOut
from paretoseg.trainables.seeds import derive_seed


def assign_splits(held_out: HeldOut, shares: Mapping[str, float], seed: int) -> HeldOut:
    """The cases with their splits, those of shift sets last, and the findings, including those of `held_out`.

    Args:
        held_out: The cases that are used, with those of shift sets marked.
        shares: By split, positive, together 1.
        seed: Decides the draw.
    """
    used = [entry for entry in held_out.entries if not entry.shift]
    away = [entry for entry in held_out.entries if entry.shift]
    splits, away_splits = draw_splits(used, shares, seed), draw_shift_splits(away, shares, seed)
    findings = [
        *held_out.findings,
        *find_conflicts(used),
        *find_conflicts(away),
        *find_empty_splits(splits),
        *find_overlap(used, away),
        *find_short_sets(away, away_splits),
    ]
    placed = [replace(entry, split=splits[entry.subject]) for entry in used]
    placed += [replace(entry, split=away_splits[entry.subject]) for entry in away]
    return HeldOut(tuple(placed), held_out.notes, tuple(findings))


def draw_splits(entries: Sequence[Entry], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of every subject.

    Subjects are ordered by domain, and inside a domain by a hash of seed and subject. Each in turn goes to the split
    that is furthest behind its share. So a domain is divided like the whole, and every split has as many subjects as
    its share says, but at least one.

    A split that the list gives to any subject gets no other subject by draw, except training. If the list gives a split
    to every subject and leaves one split out, that one is drawn from the training subjects.

    Args:
        entries: The cases to divide.
        shares: By split, positive, together 1.
        seed: Decides the draw.
    """
    given = {entry.subject: entry.split for entry in entries if entry.split}
    domains: dict[str, str] = {}
    for entry in entries:
        domains.setdefault(entry.subject, entry.domain)
    drawn = [split for split in SPLITS if split == "train" or split not in given.values()]
    rest = [subject for subject in domains if subject not in given]
    if not rest and len(drawn) > 1:
        rest = [subject for subject in domains if given[subject] == "train"]
    rest.sort(key=lambda subject: (domains[subject], derive_seed("split", seed, subject)))
    wanted = _count({split: shares[split] for split in drawn}, len(rest))
    found = Counter[str]()
    splits = dict(given)
    for number, subject in enumerate(rest, start=1):
        behind = {split: wanted[split] * number / len(rest) - found[split] for split in drawn}
        splits[subject] = max((split for split in drawn if found[split] < wanted[split]), key=behind.__getitem__)
        found[splits[subject]] += 1
    return splits


def draw_shift_splits(entries: Sequence[Entry], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of every subject of the shift sets: validation or test.

    Every set is divided on its own in the ratio of these two splits, with at least one subject in each if there are
    two. Splits given in a list are kept, and so is the split of a subject that is also in an earlier set.

    Args:
        entries: The cases of all shift sets.
        shares: By split, positive; that of training does not count.
        seed: Decides the draw.
    """
    measured = {split: share for split, share in shares.items() if split != "train"}
    splits = {entry.subject: entry.split for entry in entries if entry.split in measured}
    sets: dict[str, list[str]] = {}
    for entry in entries:
        sets.setdefault(entry.shift, []).append(entry.subject)
    for subjects in sets.values():
        placed = Counter(splits[subject] for subject in dict.fromkeys(subjects) if subject in splits)
        rest = [subject for subject in dict.fromkeys(subjects) if subject not in splits]
        rest.sort(key=lambda subject: derive_seed("shift", seed, subject))
        total = len(rest) + placed.total()
        wanted = _count_measured(measured, total)
        for subject in rest:
            splits[subject] = max(measured, key=lambda split: wanted[split] - placed[split])
            placed[splits[subject]] += 1
    return splits


def _count_measured(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Numbers of validation and test subjects, together `total`, at least one of each if there are two."""
    num_validation = round(shares["validation"] / sum(shares.values()) * total)
    num_validation = min(max(num_validation, 1), max(total - 1, 0))
    return {"validation": num_validation, "test": total - num_validation}


def _count(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Subjects of each split: at least one for validation and test if there are enough, the rest for training."""
    whole = sum(shares.values())
    counts = {split: max(round(share / whole * total), 1) for split, share in shares.items() if split != "train"}
    if sum(counts.values()) > total:
        return {"train": total} | dict.fromkeys(counts, 0)
    return {"train": total - sum(counts.values())} | counts


def find_conflicts(entries: Sequence[Entry]) -> list[Finding]:
    """Findings for subjects that a list puts in two splits."""
    findings = []
    home: dict[str, Entry] = {}
    for entry in entries:
        first = home.setdefault(entry.subject, entry)
        if entry.split and first.split and entry.split != first.split:
            text = (
                f"subject '{entry.subject}' must be in one split, got '{first.split}' for case '{first.name}' and "
                f"'{entry.split}' for case '{entry.name}'; give both the same"
            )
            findings.append(Finding("subjects in two splits", entry.subject, text))
    return findings


def find_empty_splits(splits: Mapping[str, str]) -> list[Finding]:
    """Findings for splits without subjects."""
    findings = []
    for split in SPLITS:
        if split not in splits.values():
            text = (
                f"split '{split}' must have at least one subject, got none of {len(splits)}; give more cases, other "
                "subjects, or set data.validation_share and data.test_share"
            )
            findings.append(Finding("empty splits", split, text))
    return findings


def find_overlap(used: Sequence[Entry], held_out: Sequence[Entry]) -> list[Finding]:
    """Findings for subjects that are both in a shift set and in the dataset's own splits."""
    home = {entry.subject: entry for entry in used}
    findings = []
    for entry in held_out:
        if entry.subject in home:
            other = home[entry.subject]
            text = (
                f"subject '{entry.subject}' must not be seen in training, but case '{entry.name}' is in shift set "
                f"'{entry.shift}' and case '{other.name}' is not; hold both out, or name them apart if they show two"
            )
            findings.append(Finding("subjects inside and outside shift sets", entry.subject, text))
    return findings


def find_short_sets(held_out: Sequence[Entry], splits: Mapping[str, str]) -> list[Finding]:
    """Findings for shift sets without validation or test subjects."""
    subjects: dict[str, dict[str, str]] = {}
    for entry in held_out:
        subjects.setdefault(entry.shift, {})[entry.subject] = splits[entry.subject]
    findings = []
    for name, places in subjects.items():
        for split in SPLITS[1:]:
            if split not in places.values():
                text = (
                    f"shift set '{name}' must have at least one subject in {split}, got none of {len(places)}; give it "
                    "two subjects or more, or leave it out of data.shift"
                )
                findings.append(Finding("shift sets without a split", name, text))
    return findings
