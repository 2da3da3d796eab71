import dataclasses
import io

from rich.console import Console

from paretoseg.search.reports.text import count_states, describe_seconds, front_table, status_view
from paretoseg.search.strategies.evolution import EvolutionConfig
from paretoseg.search.study.budget import Budget
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Failed, Finished, Opened, Reported
from paretoseg.search.trials.trial import Failure as TrialFailure
from paretoseg.search.trials.trial import FailureKind, State
from paretoseg.spaces.objective import Direction, Objective
from paretoseg.trainables.toy import FailureMode, ToyConfig, ToyTask
from tests.builders import MemoryLog, build_study, created, run_study


def show(renderable, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=False, highlight=False)
    console.print(renderable)
    return console.file.getvalue()


def toy_study(trials=30, task=None, name="study"):
    log = MemoryLog([created(name=name)])
    settings = {"strategy": EvolutionConfig(population=8), "budget": Budget(trials=trials, max_failures=99)}
    return run_study(build_study(log, seed=1, **settings), task)


def test_the_front_fits_eighty_columns_with_ids_and_objectives_unabridged():
    study = toy_study()
    for trial in study.untested():
        study.finish_test(trial.trial_id, {"accuracy": 0.1234, "robustness": 0.5678}, 0.0)
    text = show(front_table(study.record))
    assert len(study.front.trials) > 2
    assert all(len(line) <= 80 for line in text.splitlines())
    for trial in study.front.trials:
        accuracy, robustness = trial.objectives["accuracy"], trial.objectives["robustness"]
        words = [str(trial.trial_id), f"{accuracy:.3f}", "(0.123)", f"{robustness:.3f}", "(0.568)"]
        assert any(line.split()[:5] == words for line in text.splitlines()), words
        assert (
            f" {trial.costs['parameters'] / 1e6:.3g}M " in text or f" {trial.costs['parameters'] / 1e3:.3g}k " in text
        )
    assert f"Hypervolume {study.front.hypervolume:.4f}" in text


def test_members_stand_best_first_and_the_rest_is_counted():
    study = toy_study()
    numbers = [trial.trial_id for trial in study.front.trials]
    lines = [line.split() for line in show(front_table(study.record, max_rows=2)).splitlines()]
    assert [int(line[0]) for line in lines if line and line[0].isdigit() and "." in "".join(line[1:2])] == numbers[:2]
    assert f"{len(numbers) - 2} more on the front." in show(front_table(study.record, max_rows=2), 200)


def test_the_front_says_which_objective_is_better_when_lower():
    objectives = (
        Objective("accuracy", "Dice", Direction.MAXIMISE, 0.0),
        Objective("robustness", "1", Direction.MINIMISE, 1.0),
    )
    log = MemoryLog([dataclasses.replace(created(), objectives=objectives)])
    record = run_study(build_study(log, budget=Budget(trials=2, max_failures=99))).record
    assert "Lower is better: robustness." in show(front_table(record), 120)
    assert "Lower is better" not in show(front_table(toy_study().record), 120)


def test_what_all_members_share_is_said_once():
    log = MemoryLog([created()])
    study = run_study(build_study(log, restrictions={"skip": "none", "width": 8}))
    text = show(front_table(study.record), 250)
    assert text.count("skip=none") == text.count("width=8") == 1


def test_a_study_without_a_front_has_an_empty_table():
    text = show(front_table(StudyRecord([created()])))
    assert "Front of study" in text
    assert "Hypervolume 0.0000" in text


def test_names_are_never_taken_for_markup():
    record = toy_study(5, name="[red]sly[/red] [/oops]").record
    assert "[red]sly[/red] [/oops]" in show(front_table(record), 200)
    assert "[red]sly[/red] [/oops]" in show(status_view(record, "process [bold]1[/bold]", ["[blue].jsonl"]))
    assert "process [bold]1[/bold]" in show(status_view(record, "process [bold]1[/bold]", []))


def test_the_status_says_where_a_study_stands():
    study = toy_study(12, ToyTask(ToyConfig(failure=FailureMode.error, fails_below=0.3)))
    failed = [trial for trial in study.trials if trial.state is State.FAILED]
    text = show(status_view(study.record, None, ["the last record of 00000003.jsonl was torn and left out"]), 120)
    assert f"trials  12 of 12: {12 - len(failed)} FINISHED, {len(failed)} FAILED" in text
    assert "none; the search is not running" in text
    assert f"front   {len(study.front.trials)} candidate, hypervolume {study.front.hypervolume:.4f}" in text
    assert "the last record of 00000003.jsonl was torn and left out" in text
    assert f"failed  trial {failed[-1].trial_id} (error): the toy fails as configured" in text


def test_the_status_says_how_quick_measurements_agree_with_complete_ones():
    text = show(status_view(toy_study(12).record, None, []), 120)
    assert "quick   accuracy: Spearman 1.00, Kendall 1.00 over 12 trials" in text
    assert "quick" not in show(status_view(toy_study(4).record, None, []), 120)
    assert "battery" not in text


def test_the_status_says_what_the_battery_costs():
    log = MemoryLog([created()])
    study = build_study(log)
    trial = study.ask(0.0)
    costs = {"battery_seconds": 3.0, "train_seconds": 12.0}
    study.finish(Finished(0.0, trial.trial_id, {"accuracy": 0.5, "robustness": 0.5}, costs, "", 0.0, 1.0))
    assert "battery 25% of the time of training" in show(status_view(study.record, None, []), 120)


def test_the_status_names_trials_that_too_few_cases_make_suspicious():
    study = build_study(MemoryLog([created()]))
    trial = study.ask(0.0)
    values, note = {"accuracy": 0.5, "robustness": 0.5}, "never predicts 'tail' on the only case that holds it"
    study.finish(Finished(0.0, trial.trial_id, values, {}, "", 0.0, 1.0, note=note))
    assert study.front.trials
    assert f"note    trial {trial.trial_id} {note}" in show(status_view(study.record, None, []))


def test_the_status_of_a_study_at_work_names_the_writer():
    log = MemoryLog([created()])
    study = build_study(log)
    trial = study.ask(0.0)
    study.report(trial.trial_id, 1, {"accuracy": 0.5, "robustness": 0.5}, 3725.0)
    assert isinstance(log.events[-1], Reported)
    assert isinstance(study.record.opened[0], Opened)
    text = show(status_view(study.record, "process 7 on here", []))
    assert "trials  1 of 12: 1 RUNNING" in text
    assert "writer  process 7 on here" in text
    assert "time    1 h 02 min in 1 session" in text


def test_durations_are_written_for_people():
    described = [describe_seconds(seconds) for seconds in (0, 59.4, 59.6, 125, 3600, 7384)]
    assert described == ["0 s", "59 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "2 h 03 min"]


def test_states_are_counted_in_their_order():
    study = build_study(MemoryLog())
    assert count_states(study.record) == "none yet"
    trials = [study.ask(0.0) for _ in range(3)]
    for trial in trials[::2]:
        study.fail(Failed(0.0, trial.trial_id, TrialFailure(FailureKind.LOST, "lost")))
    assert count_states(study.record) == "1 RUNNING, 2 FAILED"
