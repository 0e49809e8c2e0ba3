"""Where tasks are done: in processes of this machine, or on Dask. Results come in any order."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from threading import current_thread, main_thread
from typing import TypeVar

from linkemu.errors import InputError, ResourceError
from linkemu.runtime.leash import tie

Question = TypeVar("Question")
Answer = TypeVar("Answer")

LOCAL = "local"  # --dask without an address: a cluster of processes of this machine


def here(
    work: Callable[[Question], Answer], questions: Sequence[Question], jobs: int | None
) -> Generator[tuple[int, Answer], None, None]:
    """(number of the question, answer) by processes, ``jobs`` of them or as many as there are cores."""
    count = min(jobs or len(os.sched_getaffinity(0)), len(questions))
    if count <= 1:
        yield from ((number, work(each)) for number, each in enumerate(questions))
        return
    pool = ProcessPoolExecutor(
        count, mp_context=get_context("spawn"), initializer=tie, initargs=(os.getpid(),)
    )
    try:
        with _undisturbed():
            waiting = {pool.submit(work, each): number for number, each in enumerate(questions)}
        for done in as_completed(waiting):
            yield waiting[done], done.result()
    finally:  # who asks no more, or was interrupted, waits for no more than what is under way
        pool.shutdown(cancel_futures=True)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait until this is over, lest they leave a process half started.

    What is started within it never hears SIGINT, not even while it starts: an interrupt on the terminal goes
    to all processes, and the one that asks sees to it.
    """
    resource_tracker.ensure_running()  # starting it would unblock SIGINT again
    heard: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM) if current_thread() is main_thread() else ()
    before = {each: signal.signal(each, lambda number, _: heard.append(number)) for each in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each, handler in before.items():
            signal.signal(each, handler)
    for number in heard:
        signal.raise_signal(number)


def on_dask(
    work: Callable[[Question], Answer], questions: Sequence[Question], address: str, jobs: int | None
) -> Generator[tuple[int, Answer], None, None]:
    """(number of the question, answer) by the workers of a Dask scheduler, "tcp://host:8786" or LOCAL."""
    try:
        from distributed import Client, LocalCluster
        from distributed import as_completed as as_ready
    except ImportError as error:
        raise InputError("--dask", "needs the package distributed: pip install 'linkemu[dask]'") from error
    try:
        if address == LOCAL:
            cluster = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
            client = Client(cluster)
        else:
            cluster = None
            client = Client(address, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        raise ResourceError(f"dask scheduler {address}", str(error) or "no answer") from error
    try:
        futures = client.map(work, questions, pure=False)
        waiting = {each.key: number for number, each in enumerate(futures)}
        for done in as_ready(futures):
            yield waiting[done.key], done.result()
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
