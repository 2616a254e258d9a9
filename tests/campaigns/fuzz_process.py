"""Targets in a process of their own, bound in memory: the engine that makes inputs, and the watch over each of them.

    python -m tests.campaigns.fuzz_process TARGET[,TARGET…] ENGINE RUNS SECONDS SEED FOLDER

The one thing to know: a finding ends nothing. It is kept with its input, once for each place in the code it comes from, and
the fuzzing goes on; only an input that the process does not survive ends it, and then that input lies in FOLDER as `last`.

Two engines. `atheris` is libFuzzer: it sees which branches of the package an input takes, and builds on those that take a
new one. Where it is not installed (it is no dependency of the tests), `mutations` changes inputs blindly, the same ones
for a seed on every machine, which is also what the gate does.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

MAX_MEMORY_BYTES = 1 << 30
#: How often the state is written down, in seconds: it is what is known of a process that died.
_EVERY_SECONDS = 2.0
_MOST_FINDINGS = 50
#: Of inputs that cost a process each, blind changes try no more.
_RUNS_OF_SLOW = 4_000
#: What no input may make a target do. Its own folder is the only place where anything may be written.
_FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "socket.bind", "pickle.find_class", "os.system", "os.exec", "ctypes.dlopen")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Watch:
    """Runs inputs one after the other, and keeps what was found and how far it came."""

    def __init__(self, run: Callable[[bytes], None], folder: Path, *, seconds: float) -> None:
        self._run = run
        self._folder = folder
        self._seconds = seconds
        self._runs, self._until = 1 << 60, float("inf")
        self._began = self._written = time.monotonic()
        self.executions = 0
        self.slowest = 0.0
        self.findings: dict[str, str] = {}

    def begin(self, *, runs: int, seconds: float) -> None:
        """Start its time: so many executions or seconds."""
        self._runs, self._until = runs, seconds
        self._began = self._written = time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.executions >= self._runs or self.seconds >= self._until

    def one(self, data: bytes) -> None:
        """Run one input. What comes out of it is kept; nothing comes out of this."""
        (self._folder / "last").write_bytes(data)
        began = time.thread_time()
        try:
            self._run(data)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._keep(_place_of(error), data, "".join(traceback.format_exception(error)))
        took = time.thread_time() - began
        self.slowest = max(self.slowest, took)
        if took > self._seconds:
            self._keep(f"takes more than {self._seconds} s", data, f"{took:.1f} s")
        self.executions += 1
        if time.monotonic() - self._written > _EVERY_SECONDS:
            self.write_down()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def write_down(self) -> None:
        """Write down how far it came."""
        self._written = time.monotonic()
        state = {
            "executions": self.executions,
            "seconds": round(self.seconds, 1),
            "slowest": round(self.slowest, 3),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "findings": self.findings,
        }
        draft = self._folder / "state.new"
        draft.write_text(json.dumps(state), "utf-8")
        draft.replace(self._folder / "state.json")

    def _keep(self, place: str, data: bytes, told: str) -> None:
        if place in self.findings or len(self.findings) >= _MOST_FINDINGS:
            return
        name = f"finding-{len(self.findings)}"
        self.findings[place] = name
        (self._folder / name).write_bytes(data)
        (self._folder / f"{name}.txt").write_text(told, "utf-8", "backslashreplace")
        self.write_down()


def _place_of(error: BaseException) -> str:
    """Name an error by its class and the last place in the package that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/batchverify/" in frame.filename]
    last = (ours or frames)[-1]
    what = str(error) if type(error).__name__ == "Finding" else ""
    return f"{type(error).__name__} {what} at {Path(last.filename).name}:{last.lineno}".replace("  ", " ")


def guard(folder: Path) -> None:
    """Have anything that no input may cause end in an error, from here on and for good."""

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} while an input was read")
        if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            path = Path(arguments[0])
            if path.is_absolute() and not path.is_relative_to(folder) and not str(path).startswith("/dev/"):
                raise PermissionError("a file outside of the folder is written")

    sys.addaudithook(look)


def mutated(seeds: Sequence[bytes], words: Sequence[bytes], *, size: int, draw: random.Random) -> Iterator[bytes]:
    """Give inputs without end: each seed as it is, then seeds changed in one to six places."""
    yield from seeds
    while True:
        data = bytearray(draw.choice(seeds))
        for _ in range(draw.randint(1, 6)):
            _change(data, seeds, words, draw)
        yield bytes(data[:size]) if len(data) > size * 4 else bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes], draw: random.Random) -> None:
    at, width = draw.randrange(len(data) + 1), draw.choice((1, 1, 2, 4, 16, 64))
    match draw.randrange(7):
        case 0 if at < len(data):
            data[at] = draw.randrange(256)
        case 1 if at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        case 2:
            del data[at : at + width]
        case 3:
            data[at:at] = data[at : at + width] * draw.choice((1, 2, 8))
        case 4 if words:
            data[at : at + draw.choice((0, width))] = draw.choice(words)
        case 5:
            other = draw.choice(seeds)
            start = draw.randrange(len(other) + 1)
            data[at : at + width] = other[start : start + width]
        case _:
            data[at:at] = draw.choice((b"\0", b"9" * width, b'"', b"\xff\xfe", b"-1", b"\n", b"\xf0\x9f\x98\x80"))


def fuzz(words: Sequence[str], engine: str, *, runs: int, seconds: float, seed: int, folder: Path) -> None:
    """Fuzz targets one after the other, each until so many executions or seconds are over, whichever comes first.

    `atheris` takes one target only, for it gives nothing back.
    """
    if engine == "atheris":
        import atheris

        with atheris.instrument_imports(include=["batchverify"], enable_loader_override=False):
            from tests.campaigns.fuzz_homes import TARGETS
    else:
        from tests.campaigns.fuzz_homes import TARGETS
    targets = {word: TARGETS[word] for word in words}
    watches = {
        word: Watch(_built(target, folder / word), folder / word, seconds=target.seconds) for word, target in targets.items()
    }
    seeds = {word: list(target.seeds()) for word, target in targets.items()}
    resource.setrlimit(resource.RLIMIT_AS, (4 * MAX_MEMORY_BYTES, 4 * MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Only now: some are set up by asking the sandbox.
    guard(folder)
    for word, target in targets.items():
        watch, dictionary = watches[word], [spelled.encode() for spelled in target.dictionary]
        watch.begin(runs=min(runs, _RUNS_OF_SLOW) if target.is_slow and engine != "atheris" else runs, seconds=seconds)
        if engine == "atheris":
            size = max(target.size, *map(len, seeds[word]))
            _by_coverage(watch, seeds[word], dictionary, size=size, seed=seed, folder=folder / word)
        for data in mutated(seeds[word], dictionary, size=target.size, draw=random.Random(seed)):
            watch.one(data)
            if watch.is_over:
                break
        watch.write_down()


def _built(target: Any, folder: Path) -> Callable[[bytes], None]:
    scratch = folder / "scratch"
    scratch.mkdir(mode=0o700, parents=True)
    return target.build(scratch)


def _by_coverage(watch: Watch, seeds: Sequence[bytes], words: Sequence[bytes], *, size: int, seed: int, folder: Path) -> None:
    import atheris

    def one(data: bytes) -> None:
        watch.one(data)
        if watch.is_over:
            watch.write_down()
            sys.stdout.flush()
            os._exit(0)

    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    dictionary = folder / "words.dict"
    spelled = ["".join(f"\\x{byte:02X}" for byte in word) for word in words]
    dictionary.write_text("".join(f'"{word}"\n' for word in spelled), "ascii")
    atheris.Setup(
        [
            sys.argv[0],
            str(corpus),
            f"-seed={seed + 1}",
            f"-max_len={size}",
            *([f"-dict={dictionary}"] if words else []),
            "-timeout=300",
            f"-rss_limit_mb={MAX_MEMORY_BYTES >> 20}",
            f"-artifact_prefix={folder}/died-",
            "-print_final_stats=1",
        ],
        one,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(
        sys.argv[1].split(","),
        sys.argv[2],
        runs=int(sys.argv[3]),
        seconds=float(sys.argv[4]),
        seed=int(sys.argv[5]),
        folder=Path(sys.argv[6]),
    )
