"""How far the scores of a study spread: what a preset of simulated studies holds, read off the rows of a study.

Validation rows of all candidates that ran with two seeds or more; broken networks are left out.

    python benchmarks/measured_spreads.py studies/quickstart
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
from scipy.stats import skew

from paretoseg.search.candidates.seed_effects import fit_seed_effects
from paretoseg.search.certainty.contributions import find_contributions, find_sampling
from paretoseg.search.config.stored_task import compose_stored
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.image_task import ImageTask
from paretoseg.trainables.scoring.score_table import tabulate
from paretoseg.trainables.trainable import Split


def read_scores(location: str) -> np.ndarray:
    """What every subject contributes to both objectives, shape (candidates, seeds, subjects, 2); NaN where not run."""
    folder = StudyFolder(location)
    record = folder.read_record()
    task = compose_stored(folder, record.created).experiment.build_task()
    assert isinstance(task, ImageTask), "a study of images"
    subjects = {row.case: row.subject for row in folder.read_splits() or () if row.subject}
    results = [result for result in record.results if len({trial.seed for trial in result.trials}) > 1]
    seeds = sorted({trial.seed for result in results for trial in result.trials})
    rows = {}
    for place, result in enumerate(results):
        for trial in result.trials:
            table = tabulate(folder.cases.read(trial.trial_id, Split.VALIDATION, task.metric))
            sampling = find_sampling(table.cases, subjects)
            found = find_contributions(table, sampling, task.rule, sampling.draw(0))
            rows[place, seeds.index(trial.seed)] = np.stack([found["accuracy"], found["robustness"]], axis=1)
    scores = np.full((len(results), len(seeds), *next(iter(rows.values())).shape), np.nan)
    for place, row in rows.items():
        scores[place] = row
    return scores


def find_products(scores: np.ndarray, *, same_candidate: bool) -> np.ndarray:
    """Covariance over subjects of two networks, of one candidate or of two, a mean of all pairs; shape (2, 2)."""
    known = [tuple(place) for place in np.argwhere(~np.isnan(scores[:, :, 0, 0]))]
    centred = scores - scores.mean(axis=2, keepdims=True)
    pairs = [pair for pair in itertools.combinations(known, 2) if bool(pair[0][0] == pair[1][0]) is same_candidate]
    products = [centred[first].T @ centred[second] / (scores.shape[2] - 1) for first, second in pairs]
    return np.asarray(np.mean([(one + one.T) / 2.0 for one in products], axis=0))


def describe(scores: np.ndarray) -> dict[str, np.ndarray]:
    """What a preset holds, for accuracy and robustness."""
    num_subjects = scores.shape[2]
    effects = fit_seed_effects(scores.mean(axis=2))
    assert effects.covariance is not None, "two candidates with two seeds at least"
    networks = scores[~np.isnan(scores[:, :, 0, 0])]
    variance = networks.var(axis=1, ddof=1).mean(axis=0)
    common, same = (find_products(scores, same_candidate=which) for which in (False, True))
    seeds = effects.covariance - np.diag((variance - np.diag(same)) / num_subjects)
    by_subject = networks.mean(axis=0)
    return {
        "candidates, networks, subjects, degrees of freedom": np.array(
            [len(scores), len(networks), num_subjects, effects.dof]
        ),
        "seed SD": np.sqrt(np.diag(seeds)),
        "SD of what a seed does to all": effects.blocks.std(axis=0, ddof=1),
        "correlation of seeds": effects.covariance[0, 1:] / np.sqrt(np.prod(np.diag(effects.covariance))),
        "subject SD": np.sqrt(variance),
        "share common to all networks": np.diag(common) / variance,
        "share common to a candidate": np.diag(same) / variance,
        "correlation of subjects": common[0, 1:] / np.sqrt(np.prod(np.diag(common))),
        "skewness of subjects": skew(by_subject, axis=0, bias=False),
    }


def main() -> None:
    """Prints the spreads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="its folder")
    for name, values in describe(read_scores(parser.parse_args().study)).items():
        print(f"{name}: {', '.join(f'{value:.4g}' for value in values)}")


if __name__ == "__main__":
    main()
