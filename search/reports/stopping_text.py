"""Early stopping in words: lines for the terminal, and a section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from paretoseg.search.reports.html_table import embed_picture, render_table
from paretoseg.search.reports.stopping_data import (
    FalseStops,
    count_guarded,
    describe_fate,
    list_judged,
    measure_agreements,
    measure_false_stops,
)
from paretoseg.search.strategies.agreement import Agreement
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.receipt import Dominator, Receipt
from paretoseg.search.trials.trial import State, Trial

MOST_SHOWN = 5
"""How many receipts the status shows, the last ones."""


def describe_stopping(record: StudyRecord) -> list[str]:
    """What early stopping did and how often it was wrong, a sentence each; empty if it did nothing."""
    judged = list_judged(record)
    if not judged:
        return []
    num_stopped = sum(trial.state is State.STOPPED for trial in judged)
    num_controls = sum(trial.is_control for trial in judged)
    lines = [
        f"Early stopping: {_count(num_stopped)} stopped, {_count(record.num_continued)} that had been stopped went on "
        f"later, {_count(num_controls)} went on as {'a control' if num_controls == 1 else 'controls'}."
    ]
    false = measure_false_stops(record)
    return lines + ([describe_false_stops(false)] if false else []) + describe_guarded(record)


def describe_false_stops(false: FalseStops) -> str:
    """The measured rate of false stops with its interval, in a sentence."""
    return (
        f"Measured false-stop rate: {false.rate:.0%} (95 percent: {false.low:.0%} to {false.high:.0%}), as "
        f"{false.num_on_front} of {false.num_controls} finished controls {'is' if false.num_on_front == 1 else 'are'} "
        "on the front."
    )


def describe_guarded(record: StudyRecord) -> list[str]:
    """By what trials were stopped where not all objectives decided, a sentence for each step; often empty."""
    agreements = measure_agreements(record)
    counts = count_guarded(record.trials, len(record.objectives))
    return [_describe_guard(step, names, number, agreements) for (step, names), number in counts.items()]


def _describe_guard(step: int, names: Sequence[str], number: int, agreements: Sequence[Agreement]) -> str:
    others = [one.describe() for one in agreements if one.step == step and one.objective not in names]
    found = f"; step {step} against the end: {', '.join(others)}" if others else ""
    verb = "was" if number == 1 else "were"
    return f"At step {step}, {_count(number)} {verb} judged by {' and '.join(names)} alone{found}."


def describe_agreements(agreements: Sequence[Agreement]) -> list[str]:
    """For every step, how well it agrees with the end, in a phrase."""
    steps = dict.fromkeys(one.step for one in agreements)
    return [
        f"step {step} against the end: {', '.join(one.describe() for one in agreements if one.step == step)}"
        for step in steps
    ]


def describe_receipt(receipt: Receipt) -> str:
    """Why a trial was stopped, in a phrase."""
    place = f"place {receipt.place + 1} of {receipt.num_members} at step {receipt.step}"
    if not receipt.dominators:
        return place
    first, more = receipt.dominators[0], receipt.num_dominators - 1
    others = f", and {more} more {'is' if more == 1 else 'are'} better too" if more else ""
    return f"{place}; trial {first.trial_id} is better by {_describe_leads(first)}{others}"


def list_receipts(record: StudyRecord) -> list[str]:
    """The last receipts, a line each, oldest first."""
    return [
        f"trial {trial.trial_id} {describe_fate(trial)}: {describe_receipt(trial.receipt)}"
        for trial in list_judged(record)[-MOST_SHOWN:]
        if trial.receipt is not None
    ]


def render_stopping(record: StudyRecord, picture: bytes | None) -> str:
    """The section of the report; '' if nothing was stopped."""
    judged = list_judged(record)
    if not judged:
        return ""
    agreements = [f"Kendall's tau-b, {line}." for line in describe_agreements(measure_agreements(record))]
    image = embed_picture(picture, "the candidates of a rung, with those that were stopped as crosses")
    table = render_table([_to_row(trial, trial.receipt) for trial in judged if trial.receipt is not None])
    return (
        f'<section id="stopping"><h2>What was stopped early, and was it right?</h2>{image}'
        f'<p class="hint">{escape(" ".join([*describe_stopping(record), *agreements]))}</p>{table}</section>'
    )


def _to_row(trial: Trial, receipt: Receipt) -> dict[str, str]:
    first = receipt.dominators[0] if receipt.dominators else None
    return {
        "trial": str(trial.trial_id),
        "after step": str(receipt.step),
        "what became of it": describe_fate(trial),
        "place": f"{receipt.place + 1} of {receipt.num_members}",
        "better are": _list_dominators(receipt),
        "the first of them by": _describe_leads(first) if first else "-",
        "noise": f"measured, {receipt.noise_dof} degrees of freedom" if receipt.noise_dof else "assumed",
    }


def _list_dominators(receipt: Receipt) -> str:
    more = receipt.num_dominators - len(receipt.dominators)
    named = ", ".join(str(one.trial_id) for one in receipt.dominators)
    return (f"{named} and {more} more" if more else named) or "-"


def _describe_leads(one: Dominator) -> str:
    return ", ".join(f"{name} {lead:.3g} (noise {one.margins[name]:.2g})" for name, lead in one.leads.items())


def _count(number: int) -> str:
    return f"{number} trial{'s' * (number != 1)}"
