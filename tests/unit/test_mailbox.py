"""The mailbox: who goes first, who is replaced, who is cancelled, and that everybody leaves exactly once."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.protocol import Priority, Ticket
from inference.worker.mailbox import Mailbox

H, B, P = Priority.HOVER, Priority.BATCH, Priority.PREFETCH
I = Priority.INTERACTIVE  # noqa: E741


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def put(mailbox: Mailbox, request: object, priority: Priority = I, key: str | None = None) -> Ticket:
    return mailbox.submit(request, key=key, priority=priority)[0]


def taken(mailbox: Mailbox) -> object:
    ticket = mailbox.take(timeout=0)
    return None if ticket is None else ticket.request


def test_more_urgent_first_then_in_order_of_arrival() -> None:
    mailbox = Mailbox()
    for name, priority in (("b1", B), ("h", H), ("i1", I), ("b2", B), ("i2", I)):
        put(mailbox, name, priority)
    assert [taken(mailbox) for _ in range(6)] == ["i1", "i2", "h", "b1", "b2", None]


def test_latest_wins_among_the_pending_of_a_key_only() -> None:
    mailbox = Mailbox()
    running = put(mailbox, "running", H, "hover")
    assert mailbox.take() == running
    first, gone = mailbox.submit("first", key="hover", priority=H)
    assert gone == []  # the running one finishes, or hover starves
    _, gone = mailbox.submit("second", key="hover", priority=H)
    assert gone == [first]
    put(mailbox, "other", H, "another key")
    put(mailbox, "none", H)
    put(mailbox, "none", H)
    assert [taken(mailbox) for _ in range(4)] == ["second", "other", "none", "none"]


def test_cancel() -> None:
    mailbox = Mailbox()
    running, pending = put(mailbox, 1), put(mailbox, 2)
    mailbox.take()
    assert mailbox.cancel(pending)
    assert not mailbox.cancel(pending)
    assert not mailbox.asked_to_stop(running)
    assert not mailbox.cancel(running)
    assert mailbox.asked_to_stop(running)
    assert mailbox.close_out(running)
    assert not mailbox.close_out(running)
    assert not mailbox.cancel(running)
    assert mailbox.counts() == (0, 0)


def test_cancel_all_and_close() -> None:
    mailbox = Mailbox()
    running, pending = put(mailbox, 1), put(mailbox, 2)
    mailbox.take()
    assert mailbox.cancel_all() == [pending]
    assert mailbox.asked_to_stop(running)
    waiting = put(mailbox, 3)
    assert mailbox.close() == [waiting]
    late, gone = mailbox.submit(4, key=None, priority=I)
    assert gone == [late]
    assert mailbox.take() is None
    assert mailbox.take_more_urgent(B) is None


def test_a_running_job_gives_way_to_more_urgent_ones_only() -> None:
    mailbox = Mailbox()
    put(mailbox, "batch", B)
    put(mailbox, "interactive", I)
    assert mailbox.take_more_urgent(I) is None
    urgent = mailbox.take_more_urgent(B)
    assert urgent is not None
    assert urgent.request == "interactive"
    assert mailbox.take_more_urgent(B) is None
    assert mailbox.counts() == (1, 1)


def test_prefetch_waits_for_quiet() -> None:
    clock = Clock()
    mailbox = Mailbox(quiet_s=2.0, clock=clock)
    put(mailbox, "neighbour", P)
    put(mailbox, "next neighbour", P)
    click = put(mailbox, "click")
    assert mailbox.take(timeout=0) == click
    clock.now += 5.0
    assert taken(mailbox) is None  # not while something runs, nor right after it
    mailbox.close_out(click)
    clock.now += 1.99
    assert taken(mailbox) is None
    clock.now += 0.01
    neighbour = mailbox.take(timeout=0)
    assert neighbour is not None
    assert neighbour.request == "neighbour"
    mailbox.close_out(neighbour)
    assert taken(mailbox) == "next neighbour"  # prefetching does not disturb prefetching


def test_prefetch_is_nobodys_business() -> None:
    mailbox = Mailbox(quiet_s=0)
    put(mailbox, "p", P)
    assert mailbox.unfinished() == 0
    mailbox.take()
    assert mailbox.unfinished() == 0
    put(mailbox, "b", B)
    assert mailbox.unfinished() == 1


def test_take_wakes_up_for_a_request_and_for_the_end() -> None:
    mailbox, got = Mailbox(), []
    thread = threading.Thread(target=lambda: got.extend([mailbox.take(), mailbox.take()]))
    thread.start()
    ticket = put(mailbox, "now")
    while mailbox.counts()[1] == 0:
        pass
    mailbox.close()
    thread.join(5)
    assert got == [ticket, None]


operations = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(list(Priority)), st.sampled_from([None, "a", "b"])),
        st.tuples(st.just("take")),
        st.tuples(st.just("urgent"), st.sampled_from(list(Priority))),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("close_out"), st.integers(0, 30)),
        st.tuples(st.just("cancel_all")),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(operations)
def test_every_ticket_leaves_exactly_once(steps: list[tuple]) -> None:
    mailbox, tickets, running, left = Mailbox(quiet_s=0), [], [], []
    for step in steps:
        match step:
            case ("submit", priority, key):
                ticket, gone = mailbox.submit(object(), key=key, priority=priority)
                tickets.append(ticket)
                left += gone
            case ("take",):
                running += [t for t in [mailbox.take(timeout=0)] if t]
            case ("urgent", than):
                running += [t for t in [mailbox.take_more_urgent(than)] if t]
            case ("cancel", i) if i < len(tickets):
                left += [tickets[i]] if mailbox.cancel(tickets[i]) else []
            case ("close_out", i) if i < len(tickets):
                if mailbox.close_out(tickets[i]):
                    assert tickets[i] in running
                    left.append(tickets[i])
            case ("cancel_all",):
                left += mailbox.cancel_all()
    left += mailbox.close()
    left += [t for t in running if mailbox.close_out(t)]
    assert sorted(t.id for t in left) == [t.id for t in tickets]


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_at_once(seed: int) -> None:
    mailbox, left, lock = Mailbox(quiet_s=0), [], threading.Lock()

    def leave(tickets: list[Ticket]) -> None:
        with lock:
            left.extend(t.id for t in tickets)

    def ask() -> None:
        for n in range(200):
            ticket, gone = mailbox.submit(n, key=str(n % (3 + seed)) if n % 2 else None, priority=Priority(n % 4))
            leave(gone)
            if n % 5 == 0 and mailbox.cancel(ticket):
                leave([ticket])

    def work() -> None:
        while ticket := mailbox.take():
            if mailbox.close_out(ticket):
                leave([ticket])

    workers = [threading.Thread(target=work) for _ in range(2)]
    askers = [threading.Thread(target=ask) for _ in range(3)]
    for thread in workers + askers:
        thread.start()
    for thread in askers:
        thread.join()
    leave(mailbox.close())
    for thread in workers:
        thread.join()
    assert sorted(left) == list(range(1, 601))
