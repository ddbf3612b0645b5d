"""What is kept of each task: who has it, how far it is, and whether its worker has left it."""

from __future__ import annotations

from compress.cluster.standing import Standings


def test_a_task_is_left_when_its_worker_says_so_and_taken_up_again_by_the_next() -> None:
    standings = Standings()
    standings.begin(3, "a")
    standings.update(3, 1.0, 2.0, "half")
    assert not standings.of(3).left
    standings.leave(3)
    assert standings.of(3).left and standings.of(3).done == 1.0
    standings.begin(3, "b")
    assert not standings.of(3).left and standings.of(3).attempt == 2
