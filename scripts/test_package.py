#!/usr/bin/env python3
"""Installs the Debian package in a fresh root, runs the service as its unit says, records, upgrades, removes and purges.

usage: test_package.py ROOT DEB [BEFORE_DEB]
ROOT: a fresh minimal root of the distribution that DEB is for (debootstrap --variant=minbase); it is copied, not changed.
BEFORE_DEB: an older version. A recording is interrupted by the upgrade from it to DEB, and must be resumed.
Needs root, ffmpeg, man-db and the network (apt installs the dependencies). Exits 1 at the first claim that does not hold.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import sandbox
from sandbox import check, figure

PROJECT = pathlib.Path(__file__).resolve().parent.parent
ARCHIVES = PROJECT / "build/apt-archives"
UNIT = "usr/lib/systemd/system/holdfast.service"
RECORDINGS = "var/lib/holdfast/recordings"
COMPLETIONS = "usr/share/bash-completion/completions/holdfast"
COMPLETE = f"""
. /{COMPLETIONS}
COMP_WORDS=(holdfast serve --format m)
COMP_CWORD=3
_holdfast
echo "${{COMPREPLY[*]}}"
"""


def open_root(template, folder):
    os_release = (template / "etc/os-release").read_text()
    codename = next(line.split("=")[1] for line in os_release.splitlines() if line.startswith("VERSION_CODENAME="))
    root = sandbox.Root(template, folder / "root", ARCHIVES / codename)
    root.run("apt-get", "update")
    return root


def check_installed(root):
    """Files, rights, user, manual page, completion."""
    check(root.rights("/etc/holdfast") == "root:holdfast 750", "/etc/holdfast is root:holdfast 0750")
    check(root.rights("/etc/holdfast/holdfast.toml") == "root:holdfast 640", "holdfast.toml is root:holdfast 0640")
    check(root.rights("/var/lib/holdfast") == "holdfast:holdfast 750", "/var/lib/holdfast is holdfast:holdfast 0750")
    check("nologin" in root.run("getent", "passwd", "holdfast"), "the user holdfast cannot log in")
    check((root.path / "etc/systemd/system/multi-user.target.wants/holdfast.service").is_symlink(), "the unit is enabled")
    page = subprocess.run(["man", "--warnings", "-l", root.path / "usr/share/man/man1/holdfast.1.gz"], text=True,
                          capture_output=True, env={**os.environ, "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
    check(page.returncode == 0 and not page.stderr and "SETTINGS" in page.stdout, "the manual page renders", page.stderr)
    figure("manual page", f"{len(page.stdout.splitlines())} lines")
    offered = root.run("bash", "-c", f"compopt() {{ :; }}\n{COMPLETE}").split()
    check(sorted(offered) == ["mkv", "mp4", "mpegts"], "bash completes the values of --format", str(offered))


class Service:
    """The installed service and a stream that is published to it."""

    def __init__(self, folder, root, network):
        self.root, self.network = root, network
        self._folder, self._publishers = folder, []
        self.unit = sandbox.Unit(root, network, UNIT, folder / "service.log")
        self.systemd = sandbox.Systemd(root, self.unit)

    def await_ready(self):
        since = time.monotonic()
        sandbox.wait_for(lambda: self.network.fetch("/ready") or self._died(), "the start of the service")
        return time.monotonic() - since

    def publish(self, name):
        log = self._folder / f"publisher{len(self._publishers)}.log"
        self._publishers.append(sandbox.Publisher(self.network, self.root.command("/usr/bin/holdfast"),
                                                  f"http://127.0.0.1:8000/whip/{name}", log))

    def end_publisher(self):
        self._publishers[-1].end()

    def growing(self, name, least=200_000):
        """The status of a recording whose file holds `least` bytes and grows."""
        def large(than):
            status = sandbox.status_of(self.network, name)
            return status if status and self.path(status).stat().st_size >= than else None
        status = sandbox.wait_for(lambda: large(least), f"a recording of {name} in a file", 30)
        size = self.path(status).stat().st_size
        return sandbox.wait_for(lambda: large(size + 50_000), f"the growth of {name} on disk")

    def path(self, status):
        return self.root.path / "var/lib/holdfast" / status["output_path"]

    def verify(self):
        """`holdfast verify` of all recordings, as the service's user."""
        return self.root.run("setpriv", "--reuid=holdfast", "--regid=holdfast", "--init-groups", "holdfast", "verify",
                             f"/{RECORDINGS}").strip()

    def end(self):
        for publisher in self._publishers:
            publisher.end()
        self.unit.end()

    def _died(self):
        if not self.unit.running:
            sys.exit(f"FAILED: the service ended:\n{self.unit.log()}")


def check_calls(service, wanted, claim):
    calls = service.systemd.calls()
    check(calls == wanted, claim, f"what was asked of systemd: {calls}\n{service.unit.log()}")


def check_service(service):
    """Runs as the unit says; records; ends with a whole file."""
    check_calls(service, ["daemon-reload", "start"], "the installation starts the service")
    figure("ready", f"{service.await_ready():.1f} s after apt was done")
    check(service.unit.setting("ProtectSystem") == "strict" and service.unit.setting("PrivateTmp") == "yes",
          "it has a read-only system and a /tmp of its own")
    check(service.unit.user() == sandbox.user_id(service.root, "holdfast"), "it runs as the user holdfast")
    service.publish("first")
    status = service.growing("first")
    path = service.path(status)
    sandbox.check_media_so_far(path)
    reply = service.network.fetch("/api/recording/stop/first", "POST")
    check(reply and reply[0] == 200, "the recording stops", str(reply))
    service.end_publisher()
    sandbox.check_media(path, 1)
    check(" whole" in service.verify(), "verify calls it whole", service.verify())


def check_removal(root, service):
    """Removing stops the service; purging leaves the recordings."""
    files = sorted(path.name for path in (root.path / RECORDINGS).iterdir() if path.is_file())
    (root.path / "etc/holdfast/holdfast.env").write_text("HOLDFAST_API_TOKEN=secret\n")
    root.run("apt-get", "remove", "-y", "holdfast")
    check_calls(service, ["stop", "daemon-reload"], "removing the package stops the service")
    check(not service.unit.running, "the service is stopped")
    check((root.path / "etc/holdfast/holdfast.toml").exists(), "the configuration stays when the package is removed")
    said = root.run("apt-get", "purge", "-y", "holdfast")
    check(not (root.path / "etc/holdfast").exists(), "purging removes /etc/holdfast")
    left = sorted(path.name for path in (root.path / RECORDINGS).iterdir() if path.is_file())
    check(files and left == files, f"purging leaves all {len(files)} files of the recordings")
    check("recordings in /var/lib/holdfast are kept" in said, "purging prints that the recordings are kept")
    check(not list((root.path / "etc/systemd/system").rglob("holdfast*")), "nothing of the unit is left")


def test_without_systemd(root, deb):
    """As in a container or a chroot: nothing is started, and nothing fails."""
    print(f"{deb.name} in a fresh root, without systemd")
    since = time.monotonic()
    said = root.install(deb)
    figure("installed", f"with {said.count('Unpacking ') - 1} dependencies in {time.monotonic() - since:.0f} s")
    check_installed(root)
    check("holdfast" in root.run("holdfast", "version"), "the program runs")
    root.run("apt-get", "purge", "-y", "holdfast")
    check(not (root.path / "var/lib/holdfast").exists(), "purging removes an empty /var/lib/holdfast")
    check(not (root.path / "etc/holdfast").exists(), "purging removes /etc/holdfast")


def test_with_systemd(root, deb, service):
    print(f"{deb.name} with systemd")
    root.install(deb)
    check_installed(root)
    check_service(service)
    root.run("apt-get", "install", "-y", "--reinstall", "--no-install-recommends", f"/tmp/{deb.name}")
    service.await_ready()
    check_calls(service, ["daemon-reload", "restart"], "installing the same version again restarts the service")
    check_removal(root, service)


def test_upgrade(root, before, deb, service):
    """The upgrade comes while a recording runs: the new program resumes the same recording."""
    print(f"upgrade from {before.name} to {deb.name} during a recording")
    shutil.rmtree(root.path / "var/lib/holdfast")
    root.install(before)
    old = root.run("holdfast", "version").strip()
    service.await_ready()
    with (root.path / "etc/holdfast/holdfast.toml").open("a") as settings:
        settings.write("# changed by the administrator\n")
    service.publish("stream")
    first = service.growing("stream")
    service.systemd.calls()

    root.install(deb)
    new = root.run("holdfast", "version").strip()
    check_calls(service, ["daemon-reload", "restart"], "the upgrade restarts the service")
    check(old != new, f"the program is another: {old}, then {new}")
    service.end_publisher()
    check("changed by the administrator" in (root.path / "etc/holdfast/holdfast.toml").read_text(),
          "the administrator's configuration is kept")
    service.await_ready()
    service.publish("stream")
    second = sandbox.wait_for(lambda: next_part(service, first), "the next part", 60)
    check(second["recording_id"] == first["recording_id"], f"{first['recording_id']} is resumed under its id")
    service.growing("stream")
    service.network.fetch("/api/recording/stop/stream", "POST")
    service.end_publisher()
    for status in (first, second):
        sandbox.check_media(service.path(status), 1)
    check_journal(next((root.path / RECORDINGS).glob("*.journal.jsonl")), old, new)
    check(" whole" in service.verify(), "verify calls it whole", service.verify())


def next_part(service, first):
    status = sandbox.status_of(service.network, "stream")
    return status if status and status["output_path"] != first["output_path"] else None


def check_journal(path, old, new):
    """One journal, begun by the old program, continued by the new one, with the gap in it."""
    events = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [event["event"] for event in events]
    check(kinds.count("start") == 1 and "resumed" in kinds and kinds[-1] == "end", "one journal: start, resumed, end",
          str(kinds))
    gaps = [event for event in events if event["event"] == "gap"]
    figure("programs in the journal", ", ".join(sorted({event["program"] for event in events if "program" in event})))
    check(gaps and gaps[-1]["cause"] == "restart", "the journal has the gap and its cause", str(gaps))
    figure("gap of the upgrade", f"{(gaps[-1]['to_pts'] - gaps[-1]['from_pts']) / 90_000:.2f} s")


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sandbox.isolate()
    template, deb, *before = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    network = sandbox.Network()
    with sandbox.folder() as folder:
        root = open_root(template, folder)
        test_without_systemd(root, deb)
        service = Service(folder, root, network)
        try:
            test_with_systemd(root, deb, service)
            for package in before:
                test_upgrade(root, package, deb, service)
        finally:
            service.end()
            network.end()
    print("the package is good")


if __name__ == "__main__":
    main()
