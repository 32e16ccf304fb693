"""The worker does one thing at a time, keeps the newest of a stream, and lets go when it is closed."""

import threading

import pytest

from neurok_model.errors import ErrorCode, NeurokError
from neurok_ros.worker import Worker


def blocked(worker: Worker) -> threading.Event:
    """Keep a worker busy until the returned event is set."""
    release, begun = threading.Event(), threading.Event()
    worker.offer("blocking", lambda: (begun.set(), release.wait(10)))
    assert begun.wait(10)
    return release


def test_results_and_errors_come_back() -> None:
    """The caller gets the work's value, or its exception."""
    worker = Worker("test")
    assert worker.run(lambda: 7)[0] == 7
    with pytest.raises(ZeroDivisionError):
        worker.run(lambda: 1 // 0)
    assert worker.run(lambda: 8)[0] == 8
    worker.close()


def test_only_the_newest_of_a_stream_waits() -> None:
    """While the worker is busy, older messages are dropped and counted, other streams are not touched."""
    worker, done = Worker("test"), []
    release = blocked(worker)
    for number in range(5):
        worker.offer("wrench", lambda number=number: done.append(("wrench", number)))
    worker.offer("scan", lambda: done.append(("scan", 0)))
    release.set()
    worker.run(lambda: None)
    assert done == [("wrench", 4), ("scan", 0)]
    assert worker.dropped == {"wrench": 4}
    worker.close()


def test_closing_stops_long_work_and_frees_those_who_wait() -> None:
    """Long work sees that it is cancelled; a caller that still waits is told that the node is not active."""
    worker = Worker("test")
    begun, refusals = threading.Event(), []

    def long_work() -> None:
        begun.set()
        while not worker.cancelled():
            pass

    def wait_for_turn() -> None:
        try:
            worker.run(lambda: None)
        except NeurokError as error:
            refusals.append(error.code)

    worker.offer("long", long_work)
    assert begun.wait(10)
    waiting = threading.Thread(target=wait_for_turn)
    waiting.start()
    while worker._pool._work_queue.empty() and waiting.is_alive():
        pass
    worker.close()
    waiting.join(10)
    assert refusals == [ErrorCode.NOT_ACTIVE]
    with pytest.raises(NeurokError):
        worker.run(lambda: None)
    worker.offer("late", lambda: None)


def test_work_that_cannot_be_stopped_is_abandoned() -> None:
    """With little patience, closing returns while the work goes on, and whoever waits for it is told."""
    worker = Worker("test")
    begun, go_on, refusals = threading.Event(), threading.Event(), []

    def ask() -> None:
        try:
            worker.run(lambda: (begun.set(), go_on.wait(30)))
        except NeurokError as error:
            refusals.append(error.code)

    asking = threading.Thread(target=ask)
    asking.start()
    assert begun.wait(10)
    assert not worker.close(patience=0.0)
    asking.join(10)
    assert refusals == [ErrorCode.NOT_ACTIVE]
    go_on.set()
    assert worker.close()
