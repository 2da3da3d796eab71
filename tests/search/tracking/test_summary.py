"""The summary of a trial's run."""

from __future__ import annotations

from paretoseg.search.tracking.summary import summarise
from paretoseg.trainables.trainable import RobustnessProfile
from tests.builders import build_trial


def test_a_run_has_what_lies_beside_robustness_under_the_names_of_the_columns() -> None:
    profile = RobustnessProfile({"noise": 0.125, "blur": 0.5}, clean=0.75, held_out=0.5)
    tested = RobustnessProfile({"noise": 0.25}, clean=0.5)
    summary = summarise(build_trial(0, 0.75, 0.5, profile=profile, test_profile=tested))
    known = {name: summary[name] for name in summary if "family" in name or "held" in name or "collapses" in name}
    assert known == {
        "robustness_held_out": 0.5,
        "worst_family": 0.125,
        "worst_family_name": "noise",
        "collapses": "noise",
        "test_worst_family": 0.25,
        "test_worst_family_name": "noise",
        "test_collapses": "",
    }


def test_a_trial_without_a_profile_has_no_such_entries() -> None:
    assert not {"worst_family", "collapses", "robustness_held_out"} & summarise(build_trial(0)).keys()
