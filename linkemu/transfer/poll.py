"""When to ask the peer for its inventory: at once after darkness, and when it has been silent for too long.

The time-out follows the path's round trip (from the link cue, raised by what echoes show), and doubles with
each poll that stays unanswered. It counts lit time only: Endpoint asks nothing of it in the dark,
and ``resume`` starts it anew.
"""

from __future__ import annotations

_SLOWEST_S = 1.0
_MARGIN_S = 0.010
_BEHIND_S = 0.003
_SPACING_S = 0.002  # between two polls, however much is new
_PATIENCE = 5  # polls without an answer, after which the sender goes on without one


class Poller:
    """Tokens, and the time of the next poll. ``allowance_s``: queueing at both ends beyond the light time."""

    def __init__(self, allowance_s: float) -> None:
        self._allowance_s = allowance_s
        self._token = 0
        self._resume_token = 1
        self._sent: dict[int, float] = {}
        self._delay_s = 0.0
        self._measured_s = 0.0
        self._unanswered = 0
        self._last_poll = -1.0
        self._quiet_since = 0.0
        self._urgent = False
        self._follow_up: float | None = None
        self._expects_answer = False

    @property
    def expects_answer(self) -> bool:
        """Nothing was heard since the last ``resume``: ask even if nothing is on offer, as a greeting."""
        return self._expects_answer

    @property
    def out_of_patience(self) -> bool:
        return self._unanswered >= _PATIENCE

    def resume(self, delay_s: float, now: float) -> None:
        """Ask at once, and take no report for the present inventory that was made before that."""
        self._delay_s = delay_s
        self._resume_token = self._token + 1
        self._sent.clear()
        self._expects_answer = True
        self._unanswered = 0
        self._quiet_since = now
        self._urgent = True

    def hurry(self, now: float) -> None:
        """There is something new to ask about."""
        self._quiet_since = now
        self._urgent = True

    def follow_up(self, now: float) -> None:
        """Ask about what has just left, far enough behind it not to share its fate in one lost slot."""
        if self._follow_up is None:
            self._follow_up = now + _BEHIND_S

    def set_delay(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def next(self, now: float) -> int:
        """The token of a poll that leaves now."""
        self._token += 1
        self._sent[self._token] = now
        if len(self._sent) > 8:
            del self._sent[min(self._sent)]
        self._urgent = False
        self._follow_up = None
        self._last_poll = now
        return self._token

    def missed(self, now: float) -> None:
        """A round of polls leaves because the peer was silent."""
        if now >= self._silence_ends():
            self._unanswered += 1
        self._quiet_since = now

    def heard(self, token: int, now: float) -> bool:
        """A report came; whether it was made after the last ``resume``."""
        sent = self._sent.pop(token, None)
        if sent is not None:
            self._measured_s = max(now - sent, 0.75 * self._measured_s)
        self._unanswered = 0
        self._quiet_since = now
        current = token >= self._resume_token
        self._expects_answer = self._expects_answer and not current
        return current

    def due(self) -> float:
        """When to poll next, if there is anything to ask about."""
        if self._urgent:
            return self._last_poll + _SPACING_S
        routine = min(self._silence_ends(), self._last_poll + max(_SLOWEST_S, 16 * self._timeout_s()))
        return routine if self._follow_up is None else min(self._follow_up, routine)

    def _silence_ends(self) -> float:
        wait = self._timeout_s() * 2.0**self._unanswered
        return self._quiet_since + min(wait, max(_SLOWEST_S, 4 * self._timeout_s()))

    def _timeout_s(self) -> float:
        expected = 2 * self._delay_s + self._allowance_s + _MARGIN_S
        return max(expected, 1.5 * self._measured_s)
