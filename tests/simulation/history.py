"""One history: traffic and mishaps of a seed, compared with the oracle step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from graphs.protocol.errors import ApiError
from graphs.state.snapshots.files import cut_at, snapshot_files
from tests.simulation import checks, traffic
from tests.simulation.detectors import DETECTORS, WATCHED_OF
from tests.simulation.models import FOLDER, INPUTS, Models, schema_of
from tests.simulation.oracle import Oracle
from tests.simulation.patches import Machine
from tests.simulation.process import Process
from tests.simulation.store import FAULTS, Committed, Sent
from tests.simulation.told import ToldHistory
from tests.simulation.world import Crash, World

FORMS = ("rows", "incidents")
KINDS = 8
"""Of so many seeds each has another form of labels, horizons or history."""
LIGHT_OF = 8
"""All but one of so many histories of each kind are light: a third of the requests, and half the faults."""


class History:
    """Runs a world, processes and a network, and raises ``Mismatch`` where something is not as it must be.

    :param seed: decides everything.
    :param folder: empty, for files.
    :param steps: at least so many things happen.
    """

    def __init__(self, seed: int, folder: Path, steps: int = 200) -> None:
        self._steps = steps
        self.world = World(seed, folder)
        self._chance = self.world.random
        self._form = FORMS[seed % len(FORMS)]
        is_ahead = seed // len(FORMS) % 2 == 1
        Machine.world, Machine.models = self.world, Models(schema_of(self._form, is_ahead))
        if self._form == "incidents" and seed // 4 % 2 == 1:
            self.world.history = ToldHistory(schema_of(self._form, is_ahead), self._chance)
        self._network = traffic.Traffic(self._chance, self._form)
        self._champion = self._chance.choice(list(INPUTS))
        self._deployed = FOLDER + self._champion
        self.oracle = Oracle(self._form, self._champion, is_ahead)
        self._applied = 0
        self._processes: list[Process] = []
        self._outbox: list[traffic.Message] = []
        self._step = 0
        self._is_watched, self._keeps_all = False, True
        self._is_always_watched = seed % WATCHED_OF == 0
        self._rare = self._chance.random() < 0.3
        self._is_light = seed // KINDS % LIGHT_OF != 0
        self.told: list[str] = []
        self._torn: Path | None = None
        often = (
            (0.006, self._kill),
            (0.012, self._die_at_a_write),
            (0.004, self._end_one),
            (0.003, self._second),
            (0.03, self._fault),
            (0.006, self._away),
            (0.004, self._clock_jumps),
            (0.003, self._tear),
            (0.008, self._disk_is_full),
            (0.004, self._is_slow),
            (0.01, self._model_fails),
            (0.003, self._deploy),
            (0.008 if self._rare else 0.0, self._lose),
        )
        self._mishaps = [(one / 2 if self._is_light else one, mishap) for one, mishap in often]

    def run(self) -> None:
        """All steps, and what must hold at the end."""
        self._start()
        for step in range(self._steps):
            self._step = step
            self.world.now += self._chance.choice((1.0, 3.0, 4.0, 5.0, 7.0))
            self._mishap()
            self._beside()
            if not self._processes:
                if self._chance.random() < 0.5:
                    self._start()
                continue
            self._traffic()
            if self._is_always_watched and not self.oracle.is_watched:
                self._attach()
        self._heal()
        for end in (self._kill_all, self._end_all):
            end()
            self._start()
            self._settle()
            checks.answers_are_equal(self._processes[0], self.oracle, self._is_watched, self._keeps_all)
        self._end_all()
        checks.pairs_are_equal(self.world, self.oracle)
        if self._keeps_all:
            checks.nothing_is_dropped(self.world)

    def _note(self, what: str) -> None:
        self.told.append(f"{self._step}: {what}")

    # What goes wrong.

    def _mishap(self) -> None:
        chance = self._chance
        for probability, mishap in self._mishaps:
            if chance.random() < probability:
                mishap()
        if self.world.store.is_away and chance.random() < 0.2:
            self.world.store.is_away = False
        if self.world.full is not None and chance.random() < 0.1:
            self.world.full = None
        if self.world.store.is_slow and chance.random() < 0.1:
            self.world.store.is_slow = False
        if chance.random() < 0.02:
            self.world.store.remember()

    def _kill(self) -> None:
        if self._processes:
            self._note("kill")
            self._processes.remove(self._chance.choice(self._processes))

    def _kill_all(self) -> None:
        self._processes.clear()

    def _die_at_a_write(self) -> None:
        self.world.writes_left = self._chance.randrange(1, 10)
        self._note(f"dies at write {self.world.writes_left}")

    def _end_one(self) -> None:
        if self._processes:
            self._note("ends in order")
            self._end(self._chance.choice(self._processes))

    def _end(self, process: Process) -> None:
        self._processes.remove(process)
        with contextlib.suppress(Crash, OSError):
            process.shut_down()
        self.world.writes_left = None

    def _end_all(self) -> None:
        for process in list(self._processes):
            self._end(process)

    def _second(self) -> None:
        if len(self._processes) == 1:
            self._note("a second process")
            self._start()

    def _fault(self) -> None:
        fault = self._chance.choice(FAULTS)
        self._note(f"store: {fault}")
        self.world.store.faults.append(fault)

    def _away(self) -> None:
        self._note("store away")
        self.world.store.is_away = True

    def _clock_jumps(self) -> None:
        seconds = self._chance.choice((-300.0, -30.0, 90.0, 700.0))
        self._note(f"clock {seconds:+}")
        self.world.model_failures = 0
        self.world.now += seconds

    def _tear(self) -> None:
        files = snapshot_files(self.world.folder / "snapshots")
        if len(files) == 2 and (self._torn is None or not self._torn.exists()):
            self._note("snapshot torn")
            self._torn = files[0].path
            content = self._torn.read_bytes()
            self._torn.write_bytes(content[: len(content) // 2])

    def _disk_is_full(self) -> None:
        self.world.full = self._chance.choice(("", "snapshots", "accepted", "accepted", "labeled"))
        self._note(f"disk full: {self.world.full or 'everywhere'}")

    def _is_slow(self) -> None:
        self._note("store slow for a while")
        self.world.store.is_slow = True

    def _model_fails(self) -> None:
        # What it failed at for a minute it has no answer to; neither has a clock that jumps then.
        if not self._waits():
            self.world.model_failures = self._chance.choice((1, 1, 2, 4))
            self._note(f"model fails {self.world.model_failures} times")

    def _waits(self) -> bool:
        """Whether a process has an entry that a step failed at."""
        return any(process.state.unfinished.request is not None for process in self._processes)

    def _deploy(self) -> None:
        version = self._chance.choice(list(INPUTS))
        self._note(f"deployed {version}")
        self._deployed = FOLDER + version
        self._second() if self._processes else self._start()

    def _lose(self) -> None:
        """The store is empty, or as it was before; the process that runs writes both snapshots anew."""
        world, store = self.world, self.world.store
        # What another process, or nobody, was told of before is lost for the one that goes on.
        if not self._processes or not all(process.knows_all for process in self._processes):
            return
        if world.full is not None:
            return
        if store.is_away or not store.log:
            return
        last = store.log[-1].id
        store.lose() if self._chance.random() < 0.7 else store.go_back()
        if last in store.ids:  # It had remembered all that there is.
            return
        self._note("store lost its content")
        self._keeps_all = False  # What it took since the last file of the archive is in the state alone.
        self._spare()
        # Until both files are anew, the loss and a torn file are two faults at once, see docs/serving.md.
        begin = world.now
        while cut_at(world.folder / "snapshots") <= last:
            checks.expect(world.now < begin + 120, "after a loss no two snapshots are written anew")
            world.now += 5.0
            self._settle()
            world.run_child()

    def _spare(self) -> None:
        """Nothing that was planned goes wrong."""
        self.world.writes_left = None
        self.world.model_failures = 0
        self.world.store.faults.clear()

    # What goes on.

    def _beside(self) -> None:
        chance = self._chance
        if self.world.loads and chance.random() < 0.4:
            self.world.loads.pop(0)()
        if chance.random() < 0.3:
            self.world.run_child()
        for process in list(self._processes):
            if chance.random() < 0.25:
                self._guarded(process, process.work_beside)

    def _guarded(self, process: Process, work: Callable[[], Any]) -> Any:
        """Do something in a process, which may die of it."""
        try:
            return work()
        except Crash:
            self._note("died")
            self._processes.remove(process)
            return None
        finally:
            self._follow()

    def _start(self) -> None:
        """Start a process; the store may be away, and a start may die like everything else."""
        failures, self.world.model_failures = self.world.model_failures, 0
        try:
            self._processes.append(Process(self.world, self._deployed))
        except Crash:
            self._note("died at its start")
        except (ApiError, redis.RedisError) as error:
            checks.expect(self.world.store.is_away or self.world.store.had_fault, f"start: {error}")
        finally:
            self.world.store.had_fault = False
            self.world.model_failures = failures
            self._follow()

    def _follow(self) -> list[tuple[Committed, list[dict[str, Any]]]]:
        """Have the oracle take what the store took; what it answers to each entry."""
        log = self.world.store.log
        found = []
        for entry in log[self._applied :]:
            checks.nothing_newer_is_lost(self.world, self.oracle, entry)
            found.append((entry, self.oracle.apply(entry)))
        self._applied = len(log)
        return found

    def _traffic(self) -> None:
        chance = self._chance
        kind, told = chance.random(), 0.09 if self.world.history is not None else 0.04
        # What the model failed at for a minute it gives up, so it is asked again soon.
        may_rest = self._is_light and not 0.03 <= kind < told and not self.world.model_failures
        if may_rest and not self._waits() and chance.random() < 2 / 3:
            return
        process = chance.choice(self._processes)
        if kind < 0.03:
            self._guarded(process, lambda: self._reroute(process))
        elif kind < 0.04:
            self._attach()
        elif kind < told and self.world.history is not None:
            self.world.history.ingest(self.oracle.ledger, self.world.now, traffic.NAMES)
            self._guarded(process, lambda: self._tell(process))
        elif kind < 0.13:
            self._guarded(process, lambda: process.send("GET", "/v2/health/live"))
            self._look(process)
        else:
            if kind < 0.8 or not self._outbox:
                self._outbox.append(self._network.message(self._step))
            if chance.random() < (0.5 if self._is_light else 0.25):
                self._deliver(process, self._network.turn(self._step, self._outbox))
                return
            place = 0 if chance.random() < 0.7 else chance.randrange(len(self._outbox))
            self._deliver(process, [self._outbox[place]])

    def _tell(self, process: Process) -> None:
        """Have a process take over what the history says."""
        status, answer = process.send("POST", "/devices/reload")
        self._note(f"told of the history: {status}")
        has_failed, self.world.has_model_failed = self.world.has_model_failed, False
        checks.expect(status in (200, 503) or (status == 500 and has_failed), f"told: {status} {answer}")
        self._follow()
        if status == 200:
            checks.all_is_told(self.world, self.oracle)

    def _reroute(self, process: Process) -> None:
        body = traffic.change(self._chance, self.oracle.champion)
        status, _ = process.send("PUT", "/routing", body)
        self._note(f"routing: {status}")
        # What another process appended goes through the steps first, and the model may fail at it.
        has_failed, self.world.has_model_failed = self.world.has_model_failed, False
        checks.expect(status in (202, 409) or (status == 500 and has_failed), f"PUT /routing: {status}")

    def _attach(self) -> None:
        """Attach detectors, where nothing keeps a process from knowing of it."""
        if len(self._processes) != 1 or not self._processes[0].knows_all or self.world.store.is_away:
            return
        self._spare()
        status, _ = self._processes[0].send("PUT", "/drift/detectors", DETECTORS)
        self._follow()
        checks.expect(status == 200, f"PUT /drift/detectors: {status}")
        self.oracle.attach(DETECTORS)
        self._is_watched = True

    def _look(self, process: Process) -> None:
        """Compare what a process tells of its state, if it knows of every entry."""
        # Any request has a change of the routing take effect that waits for it.
        if process in self._processes and process.knows_all and process.state.routing.waiting is None:
            checks.summaries_are_equal(process, self.oracle, self._is_watched and len(self._processes) == 1)

    def _deliver(self, process: Process, messages: list[traffic.Message]) -> bool:
        """Send requests that arrive together; whether all their answers came back."""
        lost = self._chance.random()
        if lost < 0.03:
            return False
        world, arrival = self.world, self.world.now
        try:
            answers = process.post([(message.path, message.body) for message in messages])
        except Crash:
            self._note("died of a request")
            self._processes.remove(process)
            self._follow()
            return False
        finally:
            has_failed, world.has_model_failed = world.has_model_failed, False
        expected: dict[int, list[dict[str, Any]]] = {}
        for entry, found in self._follow():
            for sent in entry.sent:
                expected[sent.place], found = found[: len(sent.body)], found[len(sent.body) :]
        are_all = True
        for place, (message, (status, answer)) in enumerate(zip(messages, answers, strict=True)):
            if status == 503 or (status == 500 and has_failed):
                self._note(f"{status}: {answer['error']['field']} {answer['error']['rule']}")
                are_all = False
                continue
            if status != 200:
                raise checks.Mismatch(f"POST {message.path}: {status} {answer}")
            if place not in expected:  # It is acknowledged, so it counts, wherever it is.
                sent = Sent(place, message.path, message.body)
                entry = Committed((int(arrival * 1000), 0), "", arrival, b"", [sent])
                expected[place] = self.oracle.apply(entry)
            checks.answer_is_equal(message.path, answer, expected[place])
            if lost > 0.03 + 0.06 and message in self._outbox:
                self._outbox.remove(message)
        return are_all and lost >= 0.06

    def _heal(self) -> None:
        """Nothing goes wrong any more; all is sent that is not acknowledged."""
        self._step += 1
        world = self.world
        self._spare()
        world.full, world.store.is_away, world.store.is_slow = None, False, False
        while not self._processes:
            self._start()
        while self._outbox:
            self._deliver(self._processes[-1], self._outbox[:4])  # Some together.
        for load in world.loads:
            load()

    def _settle(self) -> None:
        """One more event, with which a process knows of every entry."""
        message = traffic.Message("/telemetry", [{"device": "d0", "timestamp": self.world.now, "cpu": 1}])
        self._outbox.append(message)
        while not self._deliver(self._processes[0], [message]):
            pass
