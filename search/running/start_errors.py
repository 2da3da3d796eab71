"""What Ray raises when it does not start, as an error that a search can say."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from paretoseg.search.running.watchdog import RayLostError


class StartErrors(AbstractContextManager[None]):
    """Turns an error of Ray's start that has no class of its own, as after a timeout, into a `RayLostError`."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises it; every other error passes.

        Raises:
            RayLostError: with the first sentence of Ray's message.
        """
        if kind is Exception:
            cause = str(error).partition(". ")[0].rstrip(".")
            raise RayLostError(f"it did not start: {cause}; the machine may be too busy, try again") from None
