"""What the runs of a study hold, kept from session to session."""

from __future__ import annotations

import json

from paretoseg.search.tracking.plan import Mode, TrackingPlan, find_account


class Ledger:
    """What the runs hold, kept in a file so that the next session opens only those that lack something.

    Args:
        plan: The plan of the runs; another server, team or project starts empty.
    """

    def __init__(self, plan: TrackingPlan) -> None:
        self._path = plan.folder / "wandb" / f"{plan.prefix}.sent.jsonl"
        meant = Mode.online if plan.is_fallback else plan.mode
        self._place = [meant.value, *find_account(plan.entity), plan.project]
        self._entries: dict[str, tuple[str, int]] = {}
        for line in self._path.read_text().splitlines() if self._path.exists() else []:
            try:
                place, run_id, mark, step = json.loads(line)
            except ValueError:  # torn by a power cut
                continue
            if place == self._place:
                self._entries[run_id] = (mark, step)

    def is_sent(self, run_id: str, mark: str) -> bool:
        """True if the run holds what the mark stands for."""
        return run_id in self._entries and self._entries[run_id][0] == mark

    def next_step(self, run_id: str) -> int:
        """The first step of its curves that the run does not hold."""
        return self._entries[run_id][1] if run_id in self._entries else 0

    def record(self, run_id: str, mark: str, next_step: int) -> None:
        """Records what the run holds."""
        self._entries[run_id] = (mark, next_step)
        with self._path.open("a") as stream:
            stream.write(json.dumps([self._place, run_id, mark, next_step]) + "\n")
