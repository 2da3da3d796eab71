"""What `paretoseg doctor cluster=...` finds out about a cluster, each line with its fix."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from paretoseg.cluster.cluster import BatchConfig
from paretoseg.cluster.site_check import SiteCheck
from paretoseg.search.commands.doctor_places import check_storage
from paretoseg.search.commands.submission import make_order
from paretoseg.search.health.check import Finding, Verdict

_STUDY = "doctor"
_VERDICTS = {True: Verdict.PASS, False: Verdict.FAIL, None: Verdict.WARN}


def look_at_cluster(parsed: argparse.Namespace) -> Iterator[Sequence[Finding]]:
    """Looks at the cluster that the overrides name.

    Raises:
        ValueError: if they name none that takes jobs, or hold a mistake.
    """
    from paretoseg.search.config.config import compose  # Hydra: too slow to import for the other commands

    given = {word.partition("=")[0] for word in parsed.overrides}
    words = [f"{key}={value}" for key, value in (("study", _STUDY), ("task", "toy")) if key not in given]
    if "storage" not in given:
        words.append(f"storage={parsed.storage}")
    experiment = compose([*words, *parsed.overrides]).experiment
    cluster = experiment.cluster
    if not isinstance(cluster, BatchConfig):
        raise ValueError("doctor looks at cluster=slurm and cluster=kubernetes; without keys, it looks at this machine")
    location = f"{experiment.storage.rstrip('/')}/{experiment.study}"
    order = make_order(experiment.study, [*words, *parsed.overrides], experiment.storage, location)
    if cluster.has_local_paths or "://" in order.location:
        yield check_storage(experiment.storage)
    for check in cluster.check_site(order, with_job=parsed.job):
        yield [_to_finding(check)]


def _to_finding(check: SiteCheck) -> Finding:
    return Finding(check.name, _VERDICTS[check.is_fine], check.text, check.fix)
