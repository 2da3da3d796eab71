"""Trials become runs in Weights & Biases: the program of the tracking process, and the only module that imports wandb.

`feed` starts it as `python -m paretoseg.search.tracking.process` and writes trials, as pickles, to its standard input;
its messages go back as lines of JSON. So neither the import of wandb nor a server that fails, is slow or never answers
affects the search: at worst the pipe is full, and the newest state of each trial waits on the other side.

Each message holds the whole trial, not a change of it, and its run is updated from the state it is in. So a run ends up
complete whatever was missed before: messages, a session without tracking, a server outage. The server knows the state
of a run. Offline the ledger does, because every opening of a run writes a file that `wandb sync` appends.

Ray's own integration (`ray.air.integrations.wandb`) is not used. It follows Tune's trials, and to Tune a trial that is
resumed, or measured on the test cases, is another trial; it never resumes a run; it starts two actors a trial, among
the workers; it has no run for the search as a whole; and there is no Tune in `cluster=serial`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import wandb

from paretoseg.search.fronts.front import Front, GrowingFront
from paretoseg.search.tracking.ledger import Ledger
from paretoseg.search.tracking.plan import Mode, TrackingPlan
from paretoseg.search.tracking.summary import mark_of, summarise
from paretoseg.search.trials.profile_columns import list_profile_columns
from paretoseg.search.trials.trial import State, Trial
from paretoseg.spaces.constraint import read_kept

Send: TypeAlias = Callable[[Mapping[str, object]], object]

_INIT_SECONDS = 20
_FINISH_SECONDS = 60
_SECONDS_BETWEEN_TABLES = 60.0
_STRIDE = 1000
_MAX_REFUSALS = 3
"""How many trials in a row may be refused before it counts as a failure of W&B."""


class Tracking:
    """The runs of one study.

    Args:
        plan: Where the runs go.
        send: Sends a message to the search.
    """

    def __init__(self, plan: TrackingPlan, send: Send) -> None:
        self._plan = plan
        self._send = send
        self._is_offline = plan.mode is Mode.offline
        self._ledger = Ledger(plan)
        self._runs: dict[str, Any] = {}
        self._trials: dict[int, Trial] = {}
        self._refused: set[int] = set()
        self._num_refusals = 0
        self._logged: set[int] = set()
        """The trials that have a point on the curves."""

        self._growing = GrowingFront(plan.created.objectives, read_kept(plan.created.constraints))
        self.candidates: Sequence[Mapping[str, Any]] = ()
        """The rows of all candidates; empty while the search runs."""

        self._has_candidates = False
        self._shown = ""
        self._shown_at = -_SECONDS_BETWEEN_TABLES

    def take(self, trial: Trial) -> None:
        """Updates a trial's run; one that W&B refuses, for instance because it was deleted there, is left out.

        Raises:
            wandb.Error: if W&B itself fails: after a timeout, or several refusals in a row.
        """
        self._trials[trial.trial_id] = trial
        run_id, mark = self._plan.trial_run_id(trial.trial_id), mark_of(trial)
        is_sent = self._ledger.is_sent(run_id, mark) and run_id not in self._runs
        if is_sent or trial.trial_id in self._refused:
            return
        start = time.monotonic()
        try:
            self._update(trial, run_id, mark)
            self._num_refusals = 0
        except wandb.Error as error:
            self._num_refusals += 1
            if self._num_refusals >= _MAX_REFUSALS or time.monotonic() - start >= _INIT_SECONDS:
                raise
            self._runs.pop(run_id, None)
            self._refused.add(trial.trial_id)
            self._send({"refused": trial.trial_id, "why": _first_line(error)})

    def _update(self, trial: Trial, run_id: str, mark: str) -> None:
        run = self._open(run_id, f"{self._plan.created.study} trial {trial.trial_id}", "trial", self._describe(trial))
        first = self._first_step(run_id)
        for step, values in trial.quick.items():
            if step >= first:
                run.log({f"quick/{name}": value for name, value in values.items()}, step=step, commit=True)
        run.summary.update(summarise(trial))
        if trial.state is not State.RUNNING:
            self._end(run_id, mark, exit_code=int(trial.state is State.FAILED))

    def close(self) -> None:
        """Ends all runs; trials that still run were interrupted, and their runs continue when they resume."""
        self.show(is_last=True)
        if self._plan.search_id in self._runs:
            self._end(self._plan.search_id, self._shown, exit_code=0)
        for trial in self._trials.values():
            run_id = self._plan.trial_run_id(trial.trial_id)
            if run_id in self._runs:
                self._runs[run_id].summary["state"] = "INTERRUPTED"
                self._end(run_id, mark_of(trial), exit_code=1)

    def _describe(self, trial: Trial) -> dict[str, Any]:
        """The config of a trial's run."""
        return {
            **trial.candidate.as_dict(),
            "seed": trial.seed,
            "origin": trial.origin,
            "baseline": self._plan.created.name_baseline(trial.candidate),
            "parents": list(trial.parents),
            "trial_id": trial.trial_id,
            "candidate": trial.candidate.short_hash,
            "study": self._plan.created.study,
        }

    def show(self, is_last: bool = False) -> None:
        """Updates the run of the search with the trials so far; its tables once a minute and at the end."""
        ended = sorted(
            (trial for trial in self._trials.values() if trial.state is not State.RUNNING),
            key=lambda trial: (trial.ended_at or 0.0, trial.trial_id),
        )
        marks = [(trial.trial_id, mark_of(trial)) for trial in ended]
        mark = hashlib.sha256(repr(marks).encode()).hexdigest()[:16]
        is_shown = mark == self._shown and bool(self.candidates) == self._has_candidates
        if not ended or is_shown or self._ledger.is_sent(self._plan.search_id, mark):
            return
        run = self._open(self._plan.search_id, f"{self._plan.created.study} search", "search", self._describe_search())
        self._log_growth(run, ended)
        if is_last or time.monotonic() - self._shown_at > _SECONDS_BETWEEN_TABLES:
            self._shown, self._shown_at = mark, time.monotonic()
            for trial in ended:  # what was measured on test cases since it ended
                self._growing.add(trial)
            self._growing.update()
            self._has_candidates = bool(self.candidates)
            run.log(self._draw(ended))
            run.summary["front_trials"] = [trial.trial_id for trial in self._front.trials]

    @property
    def _front(self) -> Front:
        return self._growing.front

    def _log_growth(self, run: Any, ended: Sequence[Trial]) -> None:
        """A point of the search's curves for every trial that ended; those that the server has are skipped.

        A trial that was stopped, went on and ended again keeps its first point.

        Points are at multiples of a stride and tables in between, so that a later session may send both again.
        """
        first = self._first_step(self._plan.search_id)
        for trial in [trial for trial in ended if trial.trial_id not in self._logged]:
            number = len(self._logged)
            if number == 0:
                self._growing = GrowingFront(self._plan.created.objectives, read_kept(self._plan.created.constraints))
            self._logged.add(trial.trial_id)
            self._growing.add(trial)
            self._growing.update()
            step = _STRIDE * (number + 1)
            if step >= first:
                counts = {"trials_ended": number + 1, "front_size": len(self._front.trials)}
                run.log(counts | {"hypervolume": self._front.hypervolume}, step=step, commit=True)

    def _describe_search(self) -> dict[str, Any]:
        """The config of the search's own run."""
        created = self._plan.created
        objectives = {
            item.name: {"unit": item.unit, "direction": item.direction.value, "reference": item.reference}
            for item in created.objectives
        }
        overrides = [override for override in created.overrides if not override.startswith("storage=")]
        return {"study": created.study, "overrides": overrides, "objectives": objectives}

    def _draw(self, ended: Sequence[Trial]) -> dict[str, Any]:
        """The front as a table, and all candidates for it as a table and an interactive scatter plot."""
        front = self._front.trials
        drawn: dict[str, Any] = {"front": self._to_table(front)}
        if self.candidates:
            columns = list(self.candidates[0])
            data = [[_to_cell(row[name]) for name in columns] for row in self.candidates]
            drawn["candidates"] = wandb.Table(columns=columns, data=data)
        objectives = [objective.name for objective in self._plan.created.objectives]
        if len(objectives) > 1:
            table = self._to_table([trial for trial in ended if trial.is_eligible])
            x, y = objectives[:2]
            of_costs = "".join(
                f"; {item.name} in {item.unit}, lower is better"
                for item in self._plan.created.objectives[:2]
                if item.ideal is not None
            )
            drawn["trials"] = wandb.plot.scatter(table, x, y, title=f"{y} over {x}, every trial{of_costs}")
            drawn["front_scatter"] = wandb.plot.scatter(
                self._to_table(front), x, y, title=f"{y} over {x}, the front{of_costs}"
            )
        return drawn

    def _to_table(self, trials: Sequence[Trial]) -> Any:
        created = self._plan.created
        objectives = [objective.name for objective in created.objectives]
        measured = [*objectives, *created.cost_names, *(f"test_{name}" for name in objectives)]
        measured += list_profile_columns()
        rows = [self._describe(trial) | summarise(trial) for trial in trials]
        dimensions = list(trials[0].candidate.as_dict()) if trials else []
        columns = ["trial_id", "candidate", *measured, *dimensions, "seed", "origin", "baseline"]
        return wandb.Table(columns=columns, data=[[row.get(name) for name in columns] for row in rows])

    def _open(self, run_id: str, name: str, kind: str, config: Mapping[str, Any]) -> Any:
        """The run of this id, opened if it is not open yet; online it continues the run on the server."""
        if run_id not in self._runs:
            run = wandb.init(
                project=self._plan.project,
                entity=self._plan.entity,
                id=run_id,
                name=name,
                group=self._plan.created.study,
                job_type=kind,
                config=dict(config),
                dir=str(self._plan.folder),
                mode="offline" if self._is_offline else "online",
                resume=None if self._is_offline else "allow",
                reinit="create_new",
                settings=_settings(),
            )
            self._runs[run_id] = run
            if kind == "search":
                run.define_metric("trials_ended")
                run.define_metric("*", step_metric="trials_ended")
                self._logged.clear()
                if run.url:
                    self._send({"url": run.url})
        return self._runs[run_id]

    def _first_step(self, run_id: str) -> int:
        """The first step of its curves that an open run lacks."""
        return max(int(self._runs[run_id].step), self._ledger.next_step(run_id) if self._is_offline else 0)

    def _end(self, run_id: str, mark: str, exit_code: int) -> None:
        first_step = self._first_step(run_id)
        self._runs.pop(run_id).finish(exit_code=exit_code)
        self._ledger.record(run_id, mark, first_step)


def _to_cell(value: Any) -> Any:
    """Lists as texts: a column of lists cannot be sorted."""
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _settings() -> Any:
    """Sends only trials: no console, code, packages or hardware of this machine; prints nothing on the terminal."""
    return wandb.Settings(
        silent=True,
        console="off",
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        finish_timeout=_FINISH_SECONDS,
        finish_timeout_raises=True,
        init_timeout=_INIT_SECONDS,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


def main() -> None:
    """Reads trials from standard input until it ends, as it also does when the search dies."""
    os.nice(10)
    # wandb may print: our messages go to the real standard output, everything else to standard error.
    messages = os.dup(1)
    os.dup2(2, 1)

    def send(message: Mapping[str, object]) -> None:
        with contextlib.suppress(BrokenPipeError):  # the search died: its runs are still closed
            os.write(messages, json.dumps(message).encode() + b"\n")

    try:
        _follow(send)
    except Exception as error:  # whatever W&B raises is reported; the search decides what follows
        send({"failed": _first_line(error)})
    # wandb's own handlers at exit would wait for the server once more.
    os._exit(0)


def _follow(send: Send) -> None:
    tracking = Tracking(pickle.load(sys.stdin.buffer), send)
    while True:
        try:
            batch: Sequence[Trial | Mapping[str, Any]] = pickle.load(sys.stdin.buffer)
        except (EOFError, pickle.UnpicklingError):
            break
        trials = [item for item in batch if isinstance(item, Trial)]
        for trial in trials:
            tracking.take(trial)
            send({"taken": trial.trial_id})
        tracking.candidates = [item for item in batch if not isinstance(item, Trial)]
        tracking.show()
    tracking.close()
    send({"closed": True})


if __name__ == "__main__":
    main()
