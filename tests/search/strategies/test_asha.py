import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paretoseg.search.strategies.agreement import LEAST_TAU, MIN_FINISHED, GrowingAgreement, measure_agreement
from paretoseg.search.strategies.asha import AshaConfig, Guard
from paretoseg.search.strategies.rung import LEVEL, Rung
from paretoseg.search.trials.trial import Failure, FailureKind, State
from paretoseg.spaces.constraint import read_constraints
from paretoseg.spaces.objective import Direction, Objective
from tests.builders import build_trial

OBJECTIVES = (
    Objective("accuracy", "1", Direction.MAXIMISE, 0.0),
    Objective("latency_ms", "ms", Direction.MINIMISE, 100.0),
)
EXACT = {"assumed_noise": 0.0, "min_trials": 1}


def trial_at(trial_id, accuracy, latency=10.0, *, step=1, candidate_of=None, **changes):
    values = {"state": State.RUNNING, "objectives": {}, "reports": {step: values_of(accuracy, latency)}} | changes
    if candidate_of is not None:
        values["candidate"] = build_trial(candidate_of).candidate
    return build_trial(trial_id, **values)


def values_of(accuracy, latency):
    return {"accuracy": accuracy, "latency_ms": latency}


def told(trials, **settings):
    pruner = AshaConfig(**settings).build(OBJECTIVES)
    for trial in trials:
        pruner.tell(trial)
    return pruner


def stopped(pruner, trials):
    return [trial.trial_id for trial in trials if pruner.should_stop(trial)]


def plain_asha(values, eta):
    """Which of the values, higher is better, are outside of the best 1/eta of all: by counting, with no ranking."""
    return [one for one, value in enumerate(values) if eta * sum(other > value for other in values) >= len(values)]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40), min_size=2, max_size=14), st.sampled_from([2, 3, 4]))
def test_a_total_order_without_noise_gives_plain_asha(values, eta):
    trials = [trial_at(number, float(value), 100.0 - value) for number, value in enumerate(values)]
    assert stopped(told(trials, eta=eta, **EXACT), trials) == plain_asha(values, eta)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=12),
    st.randoms(use_true_random=False),
    st.sampled_from([0.0, 0.3]),
)
def test_who_is_stopped_does_not_depend_on_numbers_and_not_on_the_order_of_reports(points, random, noise):
    permutation = list(range(len(points)))
    random.shuffle(permutation)
    trials = [trial_at(number, *map(float, point)) for number, point in enumerate(points)]
    renamed = [trial_at(permutation[number], *map(float, point)) for number, point in enumerate(points)]
    random.shuffle(renamed)
    rules = {"min_trials": 1, "assumed_noise": noise}
    found = stopped(told(trials, **rules), trials)
    assert set(stopped(told(renamed, **rules), renamed)) == {permutation[number] for number in found}


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12), st.sampled_from([0.0, 0.3]))
def test_what_is_dominated_is_never_kept_while_its_dominator_is_stopped(points, noise):
    trials = [trial_at(number, *point) for number, point in enumerate(points)]
    found = stopped(told(trials, min_trials=1, assumed_noise=noise), trials)
    for one, other in itertools.permutations(range(len(points)), 2):
        better = points[one][0] >= points[other][0] and points[one][1] <= points[other][1]
        if better and points[one] != points[other] and one in found:
            assert other in found


def test_a_receipt_names_who_dominates_by_how_much_and_what_noise_explains():
    trials = [trial_at(number, 0.5 + number / 100, 20.0 - number) for number in range(10)]
    bad = trial_at(10, 0.1, 60.0)
    receipt = told([*trials, bad]).explain(bad)
    assert (receipt.step, receipt.place, receipt.num_members, receipt.num_dominators) == (1, 10, 11, 4)
    assert [one.trial_id for one in receipt.dominators] == [9, 8, 7, 6]
    assert receipt.judged_by == ("accuracy", "latency_ms")
    assert receipt.dominators[0].leads == pytest.approx({"accuracy": 0.49, "latency_ms": 49.0})
    spread = 1.4826 * 0.03  # the median of the eleven is .54, and the median distance from it .03
    margin = stats.t.ppf(1 - LEVEL / 4, 10) * 0.3 * spread * np.sqrt(2)
    assert receipt.dominators[0].margins["accuracy"] == pytest.approx(margin)
    assert receipt.noise_dof == 0
    assert told([*trials, bad]).explain(trials[9]) is None


def test_leads_and_margins_of_a_cost_are_in_its_own_unit():
    cost = Objective("latency_ms", "ms", Direction.MINIMISE, 1e5, ideal=0.1)
    pruner = AshaConfig(guard=Guard.all).build((OBJECTIVES[0], cost))
    trials = [trial_at(number, 0.5 + number / 100, 20.0 - number) for number in range(10)]
    bad = trial_at(10, 0.1, 600.0)
    for trial in [*trials, bad]:
        pruner.tell(trial)
    best = pruner.explain(bad).dominators[0]
    assert best.trial_id == 9
    assert best.leads == pytest.approx({"accuracy": 0.49, "latency_ms": 589.0})
    # With exactly this margin, a trial at 11 ms is as far ahead as noise explains.
    logs = np.log([trial.reports[1]["latency_ms"] for trial in [*trials, bad]])
    spread = 1.4826 * np.median(np.abs(logs - np.median(logs)))
    margin = stats.t.ppf(1 - LEVEL / 4, 10) * 0.3 * spread * np.sqrt(2)
    assert best.margins["latency_ms"] == pytest.approx(11.0 * (np.exp(margin) - 1.0))


def test_what_cannot_be_told_apart_from_noise_goes_on():
    trials = [trial_at(number, 0.5 + number / 100, 20.0 - number) for number in range(10)]
    close = trial_at(10, 0.49, 21.0)
    assert told([*trials, close], assumed_noise=1.0).explain(close) is None
    assert told([*trials, close], assumed_noise=0.0).explain(close) is not None


def test_worse_in_one_objective_alone_goes_on():
    trials = [trial_at(number, 0.9, 10.0) for number in range(10)]
    assert not told([*trials, odd := trial_at(10, 0.0, 9.9)], **EXACT).should_stop(odd)
    assert told([*trials, odd := trial_at(10, 0.0, 10.0)], **EXACT).should_stop(odd)


def test_noise_is_measured_on_candidates_with_several_seeds():
    """Three candidates with two seeds each: the variance by hand, pooled with the assumed one by degrees of freedom."""
    generator = np.random.default_rng(1)
    trials, values = [], np.empty((3, 2))
    for candidate, seed in itertools.product(range(3), range(2)):
        values[candidate, seed] = candidate + generator.normal()
        trials.append(trial_at(10 * candidate + seed, values[candidate, seed], seed=seed, candidate_of=candidate))
    rung = Rung(1, trials, OBJECTIVES, 0.0)
    residuals = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    assert rung.noise.dof == 2
    assert rung.noise.variance[0] == pytest.approx((residuals**2).sum() / 2)
    assumed = Rung(1, trials, OBJECTIVES, 0.5)
    means = -assumed.losses[:, 0]
    spread = 1.4826 * np.median(np.abs(means - np.median(means)))
    pooled = (10 * (0.5 * spread) ** 2 + 2 * rung.noise.variance[0]) / 12
    assert assumed.noise.variance[0] == pytest.approx(pooled)
    assert assumed.noise.total_dof == 12
    assert assumed.counts.tolist() == [2, 2, 2]


def test_equal_candidates_are_seldom_stopped_when_the_noise_is_known():
    """All candidates are equal, so every stop is false: at most `LEVEL` of them, though the worst of 20 is judged."""
    generator, false = np.random.default_rng(0), 0
    for _ in range(60):
        luck = generator.normal(size=(20, 2))
        twice = [
            trial_at(100 + 10 * number + seed, *generator.normal(size=2), seed=seed, candidate_of=100 + number)
            for number in range(8)
            for seed in range(2)
        ]
        trials = [trial_at(number, *luck[number]) for number in range(20)]
        pruner = told([*trials, *twice], assumed_noise=0.0)
        false += len(stopped(pruner, trials))
    assert false / (60 * 20) <= LEVEL


FAILED = {"state": State.FAILED, "failure": Failure(FailureKind.NAN, "diverged")}
BROKEN = {"state": State.FINISHED, "degenerate": "constant", "objectives": values_of(1.0, 0.0)}


@pytest.mark.parametrize(
    "odd",
    [
        trial_at(50, 1.0, 0.0, **FAILED),
        trial_at(50, 1.0, 0.0, **BROKEN),
        trial_at(50, float("nan"), 0.0),
        trial_at(50, 1.0, float("inf")),
        trial_at(50, 1.0, 0.0, step=2),
        trial_at(50, 1.0, 0.0, reports={}),
        trial_at(50, 1.0, 0.0, reports={1: {"accuracy": 1.0}}),
    ],
    ids=["failed", "degenerate", "nan", "infinite", "elsewhere", "nothing", "part"],
)
def test_failed_and_missing_members_dominate_nobody_and_take_no_place(odd):
    trials = [trial_at(number, number / 10, 20.0 - number) for number in range(9)]
    pruner = told([*trials, odd], **EXACT)
    assert stopped(pruner, trials) == [0, 1, 2, 3, 4, 5]
    assert not pruner.should_stop(odd)
    assert pruner.explain(trials[0]).num_members == 9


def test_failed_members_leave_a_rung_that_they_were_in():
    best = trial_at(9, 1.0, 0.0)
    trials = [trial_at(number, 0.5, 10.0) for number in range(9)]
    pruner = told([*trials, best], **EXACT)
    assert stopped(pruner, trials) == []  # they share the second place of ten
    worse = trial_at(10, 0.4, 11.0)
    pruner.tell(worse)
    assert pruner.explain(worse).dominators[0].trial_id == 9
    pruner.tell(trial_at(9, 1.0, 0.0, **FAILED))
    assert [one.trial_id for one in pruner.explain(worse).dominators] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rules", "rungs"), [({}, [1, 3, 9]), ({"min_steps": 2}, [2, 6]), ({"min_steps": 2, "eta": 2}, [2, 4, 8])]
)
def test_trials_are_judged_at_rungs_alone(rules, rungs):
    found = []
    for step in range(1, 10):
        trials = [trial_at(number, float(number), 50.0 - number, step=step) for number in range(8)]
        found += [step] if stopped(told(trials, **EXACT | rules), trials) else []
    assert found == rungs


def test_few_others_stop_nobody():
    trials = [trial_at(number, float(number), 50.0 - number) for number in range(5)]
    assert stopped(told(trials, assumed_noise=0.0, min_trials=5), trials) == []
    assert stopped(told([*trials, trial_at(9, 9.0, 0.0)], assumed_noise=0.0, min_trials=5), trials) != []


def finished_trials(early, final):
    """Finished trials with latencies at step 1 and in the end; accuracy is the same at both and rises."""
    return [
        trial_at(number, number / 20, one, state=State.FINISHED, objectives=values_of(number / 20, other))
        for number, (one, other) in enumerate(zip(early, final, strict=True))
    ]


FINAL = [20.0 - number + 3 * (number % 2) for number in range(10)]


def test_agreement_is_kendalls_tau_b():
    early = [float(value) for value in np.random.default_rng(0).permutation([1, 1, 2, 2, 3, 4, 5, 6, 7, 8])]
    accuracy, latency = measure_agreement(finished_trials(early, FINAL), 1, OBJECTIVES)
    pairs = list(itertools.combinations(range(10), 2))
    signs = [np.sign(early[i] - early[j]) * np.sign(FINAL[i] - FINAL[j]) for i, j in pairs]
    untied = [sum(values[i] != values[j] for i, j in pairs) for values in (early, FINAL)]
    assert latency.tau == pytest.approx(sum(signs) / np.sqrt(np.prod(untied)))
    assert (accuracy.tau, accuracy.num_trials, accuracy.is_poor) == (pytest.approx(1.0), 10, False)


def test_an_objective_that_does_not_predict_the_end_does_not_decide():
    trials = finished_trials([*range(10)], FINAL)  # the order of the latencies is reversed until the end
    assert measure_agreement(trials, 1, OBJECTIVES)[1].tau < LEAST_TAU
    lowest, low = trial_at(20, -0.5, -1.0), trial_at(21, 0.2, 99.0)
    pruner = told([*trials, lowest, low], **EXACT)
    receipt = pruner.explain(lowest)
    assert receipt.judged_by == ("accuracy",)
    assert receipt.taus["latency_ms"] < LEAST_TAU < receipt.taus["accuracy"]
    assert told([*trials, lowest, low], guard=Guard.all, **EXACT).explain(lowest) is None
    assert pruner.notes() == [
        "step 1 does not predict the end (latency_ms tau -0.72 over 10 trials), "
        "so trials are stopped there by accuracy alone"
    ]
    assert told(trials[:7], **EXACT).notes() == []
    assert MIN_FINISHED == 8


def test_by_accuracy_alone_nothing_is_stopped_that_is_as_good_as_a_member_of_the_front():
    trials = finished_trials([5.0] * 10, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1.5])
    above, below = trial_at(20, 0.01, 5.0), trial_at(21, -0.01, 5.0)
    pruner = told([*trials, above, below], guard=Guard.accuracy, **EXACT)
    assert pruner.explain(above) is None
    assert pruner.explain(below).judged_by == ("accuracy",)
    pruner.tell(trial_at(0, -0.02, 5.0, state=State.FINISHED, objectives=values_of(0.0, 1.0)))  # the fastest in the end
    assert pruner.explain(below) is None


def test_nothing_is_stopped_where_the_first_objective_does_not_predict_the_end():
    trials = [
        trial_at(
            number, 0.5 - number / 20, 5.0 + number, state=State.FINISHED, objectives=values_of(number, 5 + number)
        )
        for number in range(10)
    ]
    bad = trial_at(20, -9.0, 99.0)
    pruner = told([*trials, bad], **EXACT)
    assert pruner.explain(bad) is None
    assert pruner.notes()[0].endswith("so no trial is stopped there")
    assert told([*trials, bad], guard=Guard.all, **EXACT).explain(bad) is not None


def test_a_stopped_trial_is_promoted_when_worse_ones_have_filled_its_rung():
    trials = [trial_at(number, 1.0 - number / 10, 10.0 + number) for number in range(4)]
    pruner = told(trials, **EXACT)
    assert stopped(pruner, trials) == [2, 3]
    waiting = [trials[3], trials[2]]
    assert pruner.choose_promoted(waiting) is None
    for number in range(4, 8):
        pruner.tell(trial_at(number, 0.1, 50.0 + number))
    assert pruner.choose_promoted(waiting) == trials[2]
    assert pruner.choose_promoted([trials[3]]) is None


def test_of_several_the_one_that_has_come_further_is_promoted():
    early = [trial_at(number, 1.0 - number / 20, 10.0 + number) for number in range(8)]
    late = [trial_at(20 + number, 1.0 - number / 20, 10.0 + number, step=3) for number in range(8)]
    pruner = told([*early, *late], **EXACT)
    assert pruner.choose_promoted([early[0], late[2], late[1]]) == late[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"eta": 1}, "pruner.eta must be at least 2, got 1"),
        ({"min_steps": 0}, "pruner.min_steps must be at least 1, got 0"),
        ({"min_trials": 0}, "pruner.min_trials must be at least 1, got 0"),
        ({"keep_stopped": -1}, "pruner.keep_stopped must be at least 0, got -1"),
        ({"control_share": 1.5}, r"pruner.control_share must lie in 0..1, got 1.5"),
        ({"assumed_noise": float("nan")}, r"pruner.assumed_noise must lie in 0..1, got nan"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        AshaConfig(**wrong)


def test_what_breaks_a_constraint_stops_nobody():
    """Four finished trials are far better, and too slow; the fifth is behind them alone."""
    constraints = read_constraints(["latency_ms<=50"], ["accuracy", "latency_ms"])
    for latency, is_stopped in ((10.0, True), (60.0, False)):
        pruner = AshaConfig(assumed_noise=0.0, min_trials=2).build(OBJECTIVES, constraints)
        for number in range(4):
            pruner.tell(trial_at(number, 0.9 - number / 100, 10.0))
        for number in range(4):
            reached = {"accuracy": 0.9, "latency_ms": latency}
            reports = {1: values_of(0.9 - number / 100, 10.0)}
            pruner.tell(build_trial(number, objectives=reached, reports=reports))
        late = trial_at(9, 0.5, 20.0)
        pruner.tell(late)
        assert pruner.should_stop(late) is is_stopped


def test_a_cost_does_not_stand_in_for_a_score_that_does_not_predict_the_end():
    """A cost always predicts its own end, so it must not decide alone, wherever it is listed."""
    cost = Objective("parameters", "1", Direction.MINIMISE, 1e9, ideal=1e3)
    score = Objective("accuracy", "1", Direction.MAXIMISE, 0.0)
    pruner = AshaConfig(min_trials=2, assumed_noise=0.0).build((cost, score))
    for number in range(12):
        end = {"parameters": 1e6 * (number + 1), "accuracy": 0.5 + 0.03 * number}
        pruner.tell(build_trial(number, objectives=end, reports={1: end | {"accuracy": 0.9 - 0.03 * number}}))
    large = build_trial(20, state=State.RUNNING, objectives={}, reports={1: {"parameters": 2e7, "accuracy": 0.3}})
    pruner.tell(large)
    assert not pruner.should_stop(large)
    assert "no trial is stopped there" in pruner.notes()[0]


REPORTED = st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 5), st.sampled_from("rfdbn"))
"""Trial, accuracy, latency, and what happened: it reported, finished, failed, broke, or a report has no value."""


def to_told(trial_id, accuracy, latency, what):
    values = values_of(float(accuracy), float(latency))
    changes = {
        "r": {},
        "f": {"state": State.FINISHED, "objectives": values},
        "d": {"state": State.FAILED, "failure": Failure(FailureKind.NAN, "diverged")},
        "b": {"state": State.FINISHED, "objectives": values, "degenerate": "constant"},
        "n": {"reports": {1: values_of(float("nan"), 1.0)}},
    }[what]
    return trial_at(trial_id, accuracy, latency, seed=trial_id % 2, candidate_of=trial_id // 2, **changes)


@settings(max_examples=60)
@given(st.lists(REPORTED, min_size=1, max_size=25))
def test_a_rung_that_grew_is_the_one_that_is_built_from_what_is_known_in_the_end(reported):
    pruner, known = told([], **EXACT), {}
    grown = Rung(1, (), OBJECTIVES, 0.3)
    for one in reported:
        known[one[0]] = to_told(*one)
        pruner.tell(known[one[0]])
        grown.update(known[one[0]])
    whole = Rung(1, known.values(), OBJECTIVES, 0.3)
    assert np.array_equal(grown.losses, whole.losses)
    assert np.array_equal(grown.noise.variance, whole.noise.variance)
    assert grown.trial_ids.tolist() == whole.trial_ids.tolist()
    assert grown.counts.tolist() == whole.counts.tolist()
    assert [grown.find_row(one) for one in range(8)] == [whole.find_row(one) for one in range(8)]
    again = told(known.values(), **EXACT)
    assert [pruner.explain(one) for one in known.values()] == [again.explain(one) for one in known.values()]


@settings(max_examples=60)
@given(st.lists(REPORTED, min_size=1, max_size=25))
def test_an_agreement_that_grew_is_kendalls_tau_b_of_what_is_known_in_the_end(reported):
    grown, known = GrowingAgreement(1, OBJECTIVES), {}
    for trial_id, early, final, what in reported:
        known[trial_id] = to_told(trial_id, early, early, what)
        if known[trial_id].is_eligible:
            known[trial_id] = dataclasses.replace(known[trial_id], objectives=values_of(float(final), 1.0))
        grown.update(known[trial_id])
    ended = [trial for trial in known.values() if trial.is_eligible]
    early = [trial.reports[1]["accuracy"] for trial in ended]
    final = [trial.objectives["accuracy"] for trial in ended]
    found = grown.measure()
    if len(set(final)) < 2:
        assert found == []
    else:
        [accuracy] = found  # all latencies are equal in the end
        expected = stats.kendalltau(early, final).statistic if len(set(early)) > 1 else 0.0
        assert (accuracy.tau, accuracy.num_trials) == (pytest.approx(expected), len(ended))


def test_costs_that_a_candidate_alone_decides_have_no_noise():
    cost = Objective("parameters", "1", Direction.MINIMISE, 1e9, ideal=1e3)

    def at(trial_id, accuracy, parameters, **changes):
        return trial_at(trial_id, 0.0, reports={1: {"accuracy": accuracy, "parameters": parameters}}, **changes)

    # Sizes of very different candidates, three of which have three seeds: these do not change a size.
    trials = [at(number, 0.5 + number / 100, 10.0 ** (6 - number / 3)) for number in range(10)]
    seeds = [
        at(20 + 2 * number + seed, 0.5 + number / 100, 10.0 ** (6 - number / 3), seed=1 + seed, candidate_of=number)
        for number in range(3)
        for seed in range(2)
    ]
    rung = Rung(1, [*trials, *seeds], (OBJECTIVES[0], cost), 0.3)
    assert rung.noise.variance[0] > 0.0
    assert rung.noise.variance[1] == 0.0
    assert rung.losses[:, 1].tolist() == [cost.to_loss(10.0 ** (6 - number / 3)) for number in range(10)]
    larger = at(40, 0.1, 1000001.0)
    pruner = AshaConfig(min_trials=1).build((OBJECTIVES[0], cost))
    for trial in [*trials, larger, at(41, 0.9, 1000.0)]:
        pruner.tell(trial)
    assert {one.margins["parameters"] for one in pruner.explain(larger).dominators} == {0.0}


def test_a_change_of_what_decides_is_news_once():
    trials = finished_trials([*range(10)], FINAL)
    pruner = told(trials[:7], **EXACT)
    assert pruner.list_news() == []
    for trial in trials[7:]:
        pruner.tell(trial)
    assert pruner.list_news() == pruner.notes() != []
    assert pruner.list_news() == []
    values = [50.0 + number for number in range(30)]
    for trial in finished_trials(values, values)[10:]:  # the latencies of many more trials do predict the end
        pruner.tell(trial)
    assert pruner.notes() == []
    assert pruner.list_news() == ["step 1 predicts the end by now, so trials are stopped there by all objectives"]
