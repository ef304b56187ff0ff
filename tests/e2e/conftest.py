"""Fixtures of the end-to-end tests: the world around the program, and the figures that they print at the end.

`--prove` takes the full counts that the project promises; without it the same tests take seeded samples.
"""
import contextlib
import random
import re
import shutil
import subprocess

import pytest

from harness import livekit, publishers
from harness.paths import E2E, HOLDFAST, ROOT
from harness.service import Holdfast
from harness.waiting import steadily
from harness.wire import may_listen

FIGURES = []
# Times are held to what is promised by --prove. A sample runs wherever CI runs, beside who knows what: it gets this much more.
SAMPLE_SLACK = 1.5
OVER = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--prove", action="store_true", help="full counts instead of seeded samples")
    parser.addoption("--seed", type=int, default=1, help="of everything random")


def pytest_report_header(config):
    listening = "yes" if may_listen() else "no (needs CAP_NET_RAW): frames and tails are judged by the file alone"
    return f"seed {config.getoption('--seed')}; listens on the wire: {listening}"


def pytest_collection_modifyitems(items):
    for item in items:
        if not HOLDFAST.exists() and "service" in getattr(item, "fixturenames", []):
            item.add_marker(pytest.mark.skip(reason="build/release/holdfast is not built: say `make build`"))


def pytest_terminal_summary(terminalreporter):
    if FIGURES:
        terminalreporter.section("figures")
        for line in FIGURES:
            terminalreporter.write_line(line)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test takes all its figures before it fails for those that are over their limits."""
    result = yield
    over = pyfuncitem.stash.get(OVER, [])
    assert not over, "; ".join(over)
    return result


@pytest.fixture
def figure(request):
    """figure("first byte", 0.21, "s", most=1) prints the value at the end; over its limit, the test fails when it ends."""
    over = request.node.stash.setdefault(OVER, [])
    slack = 1.0 if request.config.getoption("--prove") else SAMPLE_SLACK

    def note(name, value, unit="", most=None, least=None):
        if unit == "s":
            most, least = (bound if bound is None else bound * slack for bound in (most, least))
        shown = f"{value:.3f}" if isinstance(value, float) else f"{value}"
        limit = "".join(f" ({word} {bound})" for word, bound in (("at most", most), ("at least", least)) if bound is not None)
        wrong = (most is not None and value > most) or (least is not None and value < least)
        FIGURES.append(f"{request.node.name}: {name}: {shown} {unit}{limit}{' OVER' if wrong else ''}")
        if wrong:
            over.append(f"{name}: {shown} {unit}{limit}")
    return note


@pytest.fixture
def proving(request):
    return request.config.getoption("--prove")


@pytest.fixture
def dice(request):
    """Random numbers of this test: the same ones with the same --seed."""
    return random.Random(f"{request.config.getoption('--seed')} {request.node.name}")


@pytest.fixture
def folder(request):
    """An empty folder for the test's logs and recordings; kept after it, for looking."""
    path = ROOT / "build/e2e" / re.sub(r"[^\w.-]+", "_", request.node.name)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest.fixture(scope="session")
def livekit_server():
    path = ROOT / "build/e2e/livekit-server"
    path.mkdir(parents=True, exist_ok=True)
    server = livekit.LiveKitServer(path)
    yield server
    server.end()


@pytest.fixture
def programs():
    """What a test starts and leaves running ends with it, the last first."""
    running = []
    yield running
    for program in reversed(running):
        program.end()


@pytest.fixture
def service(folder, programs, livekit_server):
    """service() starts a `holdfast serve` that knows the LiveKit server, or another one; further flags as arguments."""
    def start(*flags, name="holdfast", server=livekit_server, namespace=None):
        where = folder / name
        where.mkdir(exist_ok=True)
        programs.append(Holdfast(where, server.url, *flags, namespace=namespace))
        return programs[-1]
    return start


@pytest.fixture
def stream(folder, programs, livekit_server):
    """stream("room", codec="h264") publishes the pattern there with LiveKit's SDK and returns when it is live."""
    def publish(room, tracks=2, **options):
        programs.append(publishers.livekit(folder, livekit_server, room, **options))
        programs[-1].event("live")
        livekit_server.wait_for_tracks(room, tracks)
        steadily(2, programs[-1].alive)  # a live stream has been so for a while: its layers are up
        return programs[-1]
    return publish


@pytest.fixture
def whip(folder, programs):
    """whip("chromium", url) publishes the pattern there and returns when it is live."""
    def publish(kind, url, **options):
        programs.append(publishers.whip(folder, kind, url, **options))
        programs[-1].event("live")
        return programs[-1]
    return publish


@pytest.fixture
def stalling_disk(folder, monkeypatch):
    """A disk under the service that is started next; `with stalling_disk():` it stalls. $STALL_NAME may say for which files."""
    library, flag = folder / "stalling_disk.so", folder / "stall"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, E2E / "harness/stalling_disk.c", "-ldl"], check=True)

    @contextlib.contextmanager
    def stalled():
        flag.touch()
        try:
            yield
        finally:
            flag.unlink()

    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("STALL_FOLDER", str(folder))
    monkeypatch.setenv("STALL_FLAG", str(flag))
    yield stalled
