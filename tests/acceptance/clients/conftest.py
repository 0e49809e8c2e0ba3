"""Runs the planned voyages of the chosen tests, several at a time, as most of a voyage is waiting for light.

A test that takes ``voyage`` is parametrized by ``plan``; all the plans of the session set out together with
the first such test.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.acceptance.clients.plans import Plan
from tests.acceptance.clients.voyages import Voyage
from tests.access.exec_world import refusal

AT_ONCE = 8


@pytest.fixture(scope="session")
def fleet(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Plan, Future[Voyage]]]:
    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    planned = dict.fromkeys(
        call.params["plan"] for call in calls if isinstance(call.params.get("plan"), Plan)
    )
    crew = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {
            plan: crew.submit(plan.run, tmp_path_factory.mktemp(str(plan)))
            for plan in planned
            if plan.client.missing() is None
        }
    finally:
        crew.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def no_exec() -> str | None:
    return refusal("auto")


@pytest.fixture
def voyage(plan: Plan, no_exec: str | None, fleet: dict[Plan, Future[Voyage]]) -> Voyage:
    if plan.door == "exec" and no_exec is not None:
        pytest.skip(f"exec can't run here: {no_exec}")
    if plan not in fleet:
        pytest.skip(str(plan.client.missing()))
    return fleet[plan].result()
