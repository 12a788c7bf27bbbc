"""Where tasks run: in this process, in others here, or on a Dask or Ray cluster, by joblib's backends; in order."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from functools import lru_cache
from itertools import chain, islice
from typing import Any

from detector.batch.work import Done, Task, do
from detector.errors import DetectorError, UsageError
from detector.scoring import Detector

ENGINES = ("local", "dask", "ray")
DEATHS = 3  # in a row, without a chunk finished between them
IN_FLIGHT = 4  # chunks a process, where rows come back and a slow reader must not let them pile up


class WorkerError(DetectorError):
    """Worker processes die, again and again."""

    code = "worker"


def spread(
    tasks: Iterator[Task], detector: Detector | None, jobs: int, engine: str = "local", address: str | None = None
) -> Generator[Done, None, None]:
    """What became of each task, in order.

    A task whose worker died is done again. With one local job all is done here, and nothing else is loaded.

    Raises what a task raises; WorkerError where DEATHS workers in a row die and nothing gets done.
    """
    if engine == "local" and jobs == 1:
        yield from (do(task, detector) for task in tasks)
        return
    with _cluster(engine, address):
        if engine == "local":
            yield from _in_parallel(tasks, jobs, one_by_one=True, parent=os.getpid())
        else:
            yield from _in_parallel(tasks, -1, one_by_one=engine != "ray", parent=None)


@contextlib.contextmanager
def _cluster(engine: str, address: str | None) -> Iterator[None]:
    """joblib's backend for an engine, while the block lasts. Raises UsageError where there is none."""
    if engine == "local":
        yield
        return
    from joblib import parallel_config

    deadly: tuple[type[Exception], ...] = ()
    try:
        if engine == "dask":
            from distributed import Client, KilledWorker

            client: Any = Client
            connection, deadly = client(address), (KilledWorker,)
        else:
            import ray
            from ray.util.joblib import register_ray

            ray.init(address=address, log_to_driver=False)
            register_ray()
            connection = contextlib.ExitStack()
            connection.callback(ray.shutdown)
    except ImportError:
        raise UsageError(f"--engine {engine} needs a library: pip install 'detector[{engine}]'") from None
    except (OSError, ConnectionError) as e:
        raise UsageError(f"no {engine} cluster answers at {address} ({type(e).__name__}): check --address") from None
    try:
        with connection, parallel_config(backend=engine):
            yield
    except deadly:
        raise WorkerError("workers of the cluster died again and again at one chunk: give them more memory") from None


def _in_parallel(tasks: Iterator[Task], jobs: int, one_by_one: bool, parent: int | None) -> Iterator[Done]:
    """What became of each task, in order; a backend that gives no results one by one gives them by the window.

    Workers end with the process `parent`, if it is given.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pending: dict[int, Task] = {}
    failed: list[BaseException] = []

    def watched() -> Iterator[Task]:
        # joblib reads ahead in threads of its own, where an error would be lost
        try:
            for task in tasks:
                pending[task.number] = task
                yield task
        except BaseException as e:
            failed.append(e)

    fresh, deaths = watched(), 0
    first = next(fresh, None)
    # Rows that are handed back are awaited a window at a time, or a slow reader would let them pile up.
    window = None if one_by_one and (first is None or first.part) else IN_FLIGHT * effective_n_jobs(jobs)
    while pending:
        again = list(pending.values())
        stream: Iterator[Task] = islice(chain(again, fresh), window)
        parallel = Parallel(
            n_jobs=jobs,
            return_as="generator" if one_by_one else "list",
            batch_size=1,
            pre_dispatch="2*n_jobs",
        )
        try:
            if parent:
                _start(jobs)
            results = parallel(delayed(do_for)(task, parent) for task in stream)
            with contextlib.closing(results) if one_by_one else contextlib.nullcontext():
                for done in results:
                    deaths = 0
                    del pending[done.number]
                    yield done
        except TerminatedWorkerError:
            deaths += 1
            if deaths == DEATHS:
                raise WorkerError(
                    f"{deaths} worker processes in a row died at chunk {min(pending)}: "
                    "give them more memory, or use fewer --jobs"
                ) from None
            continue
        if window and (task := next(fresh, None)):
            pending[task.number] = task
    if failed:
        raise failed[0]


def _start(jobs: int) -> None:
    """Worker processes, if there are none yet: Ctrl-C is for who started them, and they are deaf to it from birth."""
    from multiprocessing import resource_tracker

    from joblib import Parallel, delayed

    resource_tracker.ensure_running()  # or it starts below, and opens the ears of all that starts after it
    held = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # which processes and threads inherit
    try:
        Parallel(n_jobs=jobs)(delayed(os.getpid)() for _ in range(jobs))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def do_for(task: Task, parent: int | None) -> Done:
    """`do`, in a process that ends with `parent`, if that is given."""
    if parent:
        _end_with(parent)
    return do(task)


@lru_cache(maxsize=1)  # once in each process
def _end_with(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if os.getppid() == parent:
        threading.Thread(target=watch, daemon=True).start()
