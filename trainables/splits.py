"""Who trains, who chooses, who is tested: subjects are divided once, by seed. Free of torch.

All cases of a subject share a split. What a list says of splits is kept; the other subjects are drawn so that every
split gets its share of every domain, as nearly as whole subjects allow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from trainables.findings import Finding
from trainables.listing import SPLITS, Entry
from trainables.seeds import derive_seed


def draw_splits(entries: Sequence[Entry], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """The split of every subject.

    Subjects stand in a row, domain by domain and inside a domain in an order that seed and subject alone decide; each
    in turn goes to the split that is furthest behind its share. So a domain is divided like the whole, and there are
    as many subjects in a split as its share says, but at least one.

    A split that the list names gets nobody by draw, but for training. If the list names a split for everybody and
    leaves one out, that one is drawn from those in training.

    Args:
        entries: Those that are to be divided.
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


def _count(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Subjects of each split: at least one for those that measure if there are that many, the rest for training."""
    whole = sum(shares.values())
    counts = {split: max(round(share / whole * total), 1) for split, share in shares.items() if split != "train"}
    if sum(counts.values()) > total:
        return {"train": total} | dict.fromkeys(counts, 0)
    return {"train": total - sum(counts.values())} | counts


def find_conflicts(entries: Sequence[Entry], splits: Mapping[str, str]) -> list[Finding]:
    """Subjects that a list puts in two splits, and splits without anybody."""
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
    for split in SPLITS:
        if split not in splits.values():
            text = (
                f"split '{split}' must have at least one subject, got none of {len(splits)}; give more cases, other "
                "subjects, or set data.validation_share and data.test_share"
            )
            findings.append(Finding("empty splits", split, text))
    return findings


def find_overlap(used: Sequence[Entry], held_out: Sequence[Entry]) -> list[Finding]:
    """Subjects that are in a split and in a domain that is held out."""
    home = {entry.subject: entry for entry in used}
    findings = []
    for entry in held_out:
        if entry.subject in home:
            other = home[entry.subject]
            text = (
                f"subject '{entry.subject}' must not be seen in training, but case '{entry.name}' is in the held-out "
                f"domain '{entry.domain}' and case '{other.name}' is not; hold both out"
            )
            findings.append(Finding("subjects inside and outside held-out domains", entry.subject, text))
    return findings
