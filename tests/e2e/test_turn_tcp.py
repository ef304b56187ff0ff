"""Networks that block UDP: by TCP to LiveKit's own port, and by TURN servers."""
import os
import shutil
import subprocess
import sys
import time

import pytest

from harness import coturn, livekit, media, publishers
from harness.judge import judge_ledger
from harness.program import free_udp_ports
from harness.service import Holdfast
from harness.waiting import steadily

H264 = {"codec": "h264", "bitrate": 1_000_000, "width": 640, "height": 360, "simulcast": "off"}
# UDP has a second; then TCP and TURN are tried side by side, and the server's own rules add about another second.
FIRST_MEDIA = 5.0


@pytest.fixture
def server(folder, programs):
    """server(rtc={...}) starts a LiveKit server of the test's own."""
    def start(**changes):
        where = folder / "livekit"
        where.mkdir()
        programs.append(livekit.LiveKitServer(where, **changes))
        return programs[-1]
    return start


@pytest.fixture
def relay(folder, programs):
    if not coturn.installed():
        pytest.skip("turnserver is not here: apt install coturn")
    where = folder / "coturn"
    where.mkdir()
    programs.append(coturn.Coturn(where))
    return programs[-1]


@pytest.fixture
def recorded(folder, programs, figure):
    """recorded(server, *flags) publishes to the server, records for a while and judges the file. Gives the program's log."""
    def record(server, *flags, group=None):
        programs.append(publishers.livekit(folder, server, "room", **H264))
        programs[-1].event("live")
        server.wait_for_tracks("room", 2)
        programs.append(Holdfast(folder, server.url, *flags, group=group))
        program = programs[-1]
        begun = time.monotonic()
        program.record("room")
        figure("start call to media", time.monotonic() - begun, "s", most=FIRST_MEDIA)
        steadily(6, program.alive)
        status = program.finish("room")
        path = status["output_path"]
        assert media.codecs(path) == {"video": "h264", "audio": "aac"}
        assert media.decode_errors(path) == []
        content = media.read(path)
        figure("frames in 6 s", len(content.video_times), least=100)
        judge_ledger(status)
        return program.tail(1000)
    return record


def test_where_udp_works_no_turn_server_is_asked(server, relay, recorded):
    log = recorded(server(), "--turn-servers", relay.url("udp"), *relay.flags)
    assert "media connected by UDP (127.0.0.1:" in log
    assert "ALLOCATE" not in relay.tail(1000)


def test_a_server_without_udp_is_recorded_by_tcp(server, recorded):
    assert "media connected by TCP (127.0.0.1:" in recorded(server(rtc={"force_tcp": True}))


INSIDE = "E2E_WITHOUT_UDP"
BLOCKED_GROUP = 54321


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("iptables"), reason="needs root and iptables, for a network of its own")
@pytest.mark.skipif(INSIDE in os.environ, reason="that is where we are")
def test_where_udp_is_dropped_tcp_is_found(folder):
    """The test below, in a network namespace that lets no UDP of the recorder's out."""
    # With an interface beside lo, and a default route, as any machine has it; without, the publisher finds no network.
    world = f"""set -e; ip link set lo up; ip link add eth0 type veth peer name eth1
        ip addr add 192.0.2.1/24 dev eth0; ip link set eth0 up; ip link set eth1 up
        ip route add default via 192.0.2.2; iptables -A OUTPUT -p udp -m owner --gid-owner {BLOCKED_GROUP} -j DROP; exec "$@" """
    inner = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "inside_a_network_without_udp", __file__]
    done = subprocess.run(["unshare", "--net", "sh", "-c", world, "_", *inner], env={**os.environ, INSIDE: "1"},
                          text=True, capture_output=True, timeout=120)
    (folder / "inner.log").write_text(done.stdout + done.stderr)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.skipif(INSIDE not in os.environ, reason="run by the test above")
def test_inside_a_network_without_udp(server, recorded):
    assert "media connected by TCP (127.0.0.1:" in recorded(server(), group=BLOCKED_GROUP)


@pytest.mark.parametrize("kind", ["udp", "tcp", "tls"])
def test_a_configured_turn_server_is_used(server, relay, recorded, kind):
    log = recorded(server(), "--ice-transport-policy", "relay", "--turn-servers", relay.url(kind), *relay.flags)
    assert f"media connected by TURN over {kind.upper()}" in log
    assert "ALLOCATE processed, success" in relay.tail(1000)


def test_a_turn_server_that_livekit_names_is_used(server, relay, recorded):
    named = {"host": "127.0.0.1", "port": relay.port, "protocol": "tcp", "username": coturn.USER, "credential": coturn.CREDENTIAL}
    log = recorded(server(rtc={"turn_servers": [named]}), "--ice-transport-policy", "relay")
    assert "media connected by TURN over TCP" in log


def test_livekits_own_turn_server_is_used(server, recorded):
    relays = free_udp_ports(16)
    turn = {"enabled": True, "udp_port": free_udp_ports(1), "relay_range_start": relays, "relay_range_end": relays + 15,
            "bind_addresses": ["127.0.0.1"], "allow_restricted_peer_cidrs": ["127.0.0.0/8"]}
    log = recorded(server(turn=turn), "--ice-transport-policy", "relay")
    assert "media connected by TURN over UDP" in log


def test_a_wrong_credential_is_named(server, relay, folder, programs):
    own = server()
    programs.append(publishers.livekit(folder, own, "room", **H264))
    own.wait_for_tracks("room", 2)
    programs.append(Holdfast(folder, own.url, "--ice-transport-policy", "relay", "--turn-servers", relay.url("udp"),
                             "--turn-username", coturn.USER, "--turn-credential", "wrong"))
    program = programs[-1]
    assert program.start("room").status == 201
    program.wait_for(lambda: "the TURN server rejected the user name or the credential" in program.tail(1000), 40, "to say why")
