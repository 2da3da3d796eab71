"""Every health check passes, warns and fails where its rule says so, and is silent about too little."""

import dataclasses

import pytest

from paretoseg.search.health.baseline import Baseline
from paretoseg.search.health.check import Evidence, Replay, Verdict
from paretoseg.search.health.checks import CHECKS, look_at
from paretoseg.search.health.edges import Edges
from paretoseg.search.health.failures import Failures
from paretoseg.search.health.models import Models
from paretoseg.search.health.repeats import Repeats
from paretoseg.search.health.stopping import EarlyStopping
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Failed, Finished, Fitted, Promoted, Spared, Started, Stopped
from paretoseg.search.trials.receipt import Receipt
from paretoseg.search.trials.trial import Failure, FailureKind
from paretoseg.spaces.recipe import Recipe
from paretoseg.spaces.search_space import Candidate, SearchSpace
from tests.builders import created


def candidate(number, learning_rate=0.01):
    return Candidate(recipe=Recipe(foreground_ratio=round(0.001 * number, 3), learning_rate=learning_rate))


def finish(number, accuracy, robustness, seconds=3600.0):
    values = {"accuracy": accuracy, "robustness": robustness}
    return Finished(number, number, values, {"parameters": 1.0}, "", 0.0, seconds)


def record(*ends, origins=(), candidates=()):
    """A study whose trial n ended by the n-th event; by default, all with candidates of their own."""
    study = StudyRecord([created()])
    for number, end in enumerate(ends):
        own = candidates[number] if candidates else candidate(number)
        origin = origins[number] if number < len(origins) else "random"
        study.add(Started(0.0, number, own, number if candidates else 0, origin))
        study.add(dataclasses.replace(end, trial_id=number))
    return study


def look(check, study, space=None):
    return check.look(Evidence(study, space))


def many(count, accuracy=0.3):
    return [finish(number, accuracy - number / 1000, 0.3 - number / 1000) for number in range(count)]


def test_a_study_without_trials_is_unknown_to_all_checks():
    findings = look_at(Evidence(StudyRecord([created()]), SearchSpace()))
    assert [finding.verdict for finding in findings] == [Verdict.UNKNOWN] * len(CHECKS)
    assert len({finding.check for finding in findings}) == len(CHECKS)
    assert all(finding.text for finding in findings)


def test_a_candidate_that_dominates_the_default_is_a_gain():
    finding = look(Baseline(), record(finish(0, 0.5, 0.5), *many(9), finish(10, 0.6, 0.55), origins=["default"]))
    assert finding.verdict is Verdict.PASS
    assert "candidate 10: accuracy +0.100, robustness +0.050" in finding.text


def test_a_front_that_only_trades_is_a_warning():
    finding = look(Baseline(), record(finish(0, 0.5, 0.5), *many(9), finish(10, 0.6, 0.45), origins=["default"]))
    assert finding.verdict is Verdict.WARN
    assert finding.remedy


def test_the_default_alone_on_the_front_is_a_failure():
    finding = look(Baseline(), record(finish(0, 0.5, 0.5), *many(9), origins=["default"]))
    assert finding.verdict is Verdict.FAIL


@pytest.mark.parametrize("origins", [[], ["default"]])
def test_without_the_default_or_enough_others_the_gain_is_unknown(origins):
    ends = [finish(0, 0.5, 0.5), *many(3 if origins else 20)]
    assert look(Baseline(), record(*ends, origins=origins)).verdict is Verdict.UNKNOWN


SPACE = SearchSpace({"learning_rate": [0.001, 0.01], "foreground_ratio": [0.0, 1.0]})


def study_at(front_rates, other_rates):
    """The front has the first rates, the rest of the study the others."""
    front = [finish(0, 0.5 + 0.05 * place, 0.9 - 0.05 * place) for place in range(len(front_rates))]
    rates = [*front_rates, *other_rates]
    # Far from both ends of the foreground ratio, so that only the learning rate can stand out.
    own = [
        Candidate(recipe=Recipe(foreground_ratio=round(0.4 + 0.001 * place, 3), learning_rate=rate))
        for place, rate in enumerate(rates)
    ]
    return record(*front, *many(len(other_rates)), candidates=own)


SPREAD = [0.001 * 10 ** (place / 20) for place in range(20)]


def test_a_front_that_crowds_at_the_end_of_a_range_is_a_warning_with_the_way_to_widen_it():
    finding = look(Edges(), study_at([0.01, 0.0099, 0.0098, 0.003], SPREAD), SPACE)
    assert finding.verdict is Verdict.WARN
    assert "learning_rate at 0.01" in finding.text
    assert "space.learning_rate" in finding.remedy
    assert "foreground_ratio" not in finding.text


def test_a_front_that_is_spread_passes():
    assert look(Edges(), study_at([0.002, 0.01, 0.005, 0.003], SPREAD), SPACE).verdict is Verdict.PASS


def test_a_front_where_all_others_are_too_passes():
    """If the search went there alone, that the front lies there says nothing."""
    assert look(Edges(), study_at([0.01] * 4, [0.01] * 20), SPACE).verdict is Verdict.PASS


def test_the_end_of_what_there_is_cannot_be_widened():
    space = SearchSpace({"learning_rate": "all"})
    end = space.domains["learning_rate"].from_unit(1.0)
    finding = look(Edges(), study_at([end] * 4, SPREAD), space)
    assert finding.verdict is Verdict.WARN
    assert finding.remedy == ""


def test_without_a_space_edges_are_unknown():
    assert look(Edges(), study_at([0.01] * 4, SPREAD)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("failed", "verdict"), [(1, Verdict.PASS), (2, Verdict.WARN), (5, Verdict.WARN), (6, Verdict.FAIL)]
)
def test_the_share_of_failures_decides(failed, verdict):
    memory = Failure(FailureKind.MEMORY, "too large")
    finding = look(Failures(), record(*many(20 - failed), *[Failed(1.0, 0, memory)] * failed))
    assert finding.verdict is verdict
    assert f"{failed} of 20 failed" in finding.text
    assert ("memory" in finding.remedy) == (verdict is not Verdict.PASS)


def test_mostly_further_seeds_are_a_warning():
    origins = ["random"] * 6 + ["replicate"] * 7
    known = [candidate(min(number, 5)) for number in range(13)]
    finding = look(Repeats(), record(*many(13), origins=origins, candidates=known))
    assert finding.verdict is Verdict.WARN
    assert "7 of 13" in finding.text
    assert look(Repeats(), record(*many(13))).verdict is Verdict.PASS


def test_candidates_with_exactly_the_same_values_are_a_warning():
    finding = look(Repeats(), record(*many(12), finish(12, 0.3, 0.3)))
    assert finding.verdict is Verdict.WARN
    assert "candidates 0 and 12" in finding.text


def test_the_same_values_under_another_seed_are_chance():
    known = [candidate(number) for number in range(13)]
    assert look(Repeats(), record(*many(12), finish(12, 0.3, 0.3), candidates=known)).verdict is Verdict.PASS


def test_stopped_trials_save_what_they_did_not_train():
    """Six finished after an hour each; three stopped after a quarter save 2.25 of 9 hours."""
    finding = look(EarlyStopping(), record(*many(6), *[Stopped(1.0, 0, 0.0, 900.0)] * 3))
    assert finding.verdict is Verdict.PASS
    assert "saved about 2.2 of 9 hours" in finding.text.replace("2.25", "2.2")


def test_the_hours_of_every_attempt_count():
    """Six finished after an hour each, one of them in two halves; three stopped after a quarter."""
    study = record(*many(5), *[Stopped(1.0, 0, 0.0, 900.0)] * 3)
    study.add(Started(0.0, 8, candidate(8), 0, "random"))
    study.add(Stopped(1800.0, 8, 0.0, 1800.0))
    study.add(Promoted(2000.0, 8))
    study.add(dataclasses.replace(finish(8, 0.1, 0.1, seconds=1800.0), trial_id=8))
    assert study.seconds_per_trial == 3600.0
    assert "saved about 2.2 of 9 hours" in look(EarlyStopping(), study).text.replace("2.25", "2.2")


def test_false_stops_are_estimated_by_controls_or_known_by_replay():
    receipt = Receipt(1, 1, 2, (), 0, 0)
    study = record(*many(6), *[Stopped(1.0, 0, 0.0, 900.0)] * 3)
    text = look(EarlyStopping(), study).text
    assert text.endswith("at an unknown number of false stops among 3, as no control has finished")
    for number, score in ((9, 0.9), (10, 0.1)):
        study.add(Started(0.0, number, candidate(number), 0, "random"))
        study.add(Spared(0.0, number, receipt))
        study.add(dataclasses.replace(finish(number, score, score), trial_id=number))
    text = look(EarlyStopping(), study).text
    assert text.endswith("at about 1.5 false stops among 3, as 1 of 2 finished controls is on the front")
    found = EarlyStopping().look(Evidence(study, None, 2.0, Replay(4.0, 6.0, 1)))
    assert found.text == "saved 4 of 10 GPU-hours at 1 false stop among 3, by replay"


def test_stops_that_come_too_late_are_a_warning():
    finding = look(EarlyStopping(), record(*many(6), *[Stopped(1.0, 0, 0.0, 3700.0)] * 3))
    assert finding.verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("explained", "verdict"),
    [
        ({"accuracy": 0.7, "robustness": 0.1}, Verdict.PASS),
        ({"accuracy": 0.7, "robustness": -0.1}, Verdict.WARN),
        ({"accuracy": 0.0, "robustness": -0.1}, Verdict.FAIL),
    ],
)
def test_models_that_predict_worse_than_the_mean_are_named(explained, verdict):
    study = record(*many(12))
    study.add(Fitted(0.0, (1.0,), {"accuracy": -1.0, "robustness": -1.0}))
    study.add(Started(0.0, 12, candidate(12), 0, "surrogate"))
    study.add(dataclasses.replace(finish(12, 0.3, 0.3), trial_id=12))
    study.add(Fitted(0.0, (1.0,), explained))
    finding = look(Models(), study)
    assert finding.verdict is verdict
    assert f"robustness {explained['robustness']:.0%}" in finding.text


def test_models_of_few_candidates_are_not_judged():
    study = record(*many(11))
    study.add(Fitted(0.0, (1.0,), {"accuracy": -1.0}))
    assert look(Models(), study).verdict is Verdict.UNKNOWN


def constrained(*ends, bound):
    """A study with one constraint, whose first trial is the default."""
    study = StudyRecord([dataclasses.replace(created(), constraints=(bound,))])
    for number, end in enumerate(ends):
        study.add(Started(0.0, number, candidate(number), 0, "random" if number else "default"))
        study.add(dataclasses.replace(end, trial_id=number))
    return study


def test_where_nothing_meets_the_constraints_the_default_is_not_said_to_be_on_the_front():
    finding = look(Baseline(), constrained(*many(12), bound="accuracy>=0.9"))
    assert (finding.verdict, finding.text) == (Verdict.FAIL, "no candidate meets the constraints")


def test_a_front_that_meets_what_the_default_breaks_is_a_gain():
    ends = [finish(0, 0.2, 0.2), *(finish(number, 0.8, 0.1) for number in range(1, 12))]
    finding = look(Baseline(), constrained(*ends, bound="accuracy>=0.5"))
    assert finding.verdict is Verdict.PASS
    assert "which the default network breaks" in finding.text
