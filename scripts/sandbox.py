"""Root file systems, networks and a systemd of our own, in which packages and images are tried. Needs root.

Nothing reaches this machine: mounts end with the process, a root is a copy, and a network has nothing but its loopback.
"""
import contextlib
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FETCH = """
import sys, urllib.error, urllib.request
method, url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"} if token else {}
try:
    reply = urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=5)
except urllib.error.HTTPError as error:
    reply = error
except OSError:
    sys.exit(1)
print(reply.status)
sys.stdout.write(reply.read().decode())
"""


def isolate():
    """Starts this script again in a mount namespace of its own, so that no mount outlives it."""
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: needs root, for chroot and mounts")
    if os.environ.get("HOLDFAST_SANDBOX") != "mounts":
        os.environ["HOLDFAST_SANDBOX"] = "mounts"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def figure(name, value):
    print(f"  {name}: {value}", flush=True)


def check(holds, claim, detail=""):
    """Prints a claim that holds; ends the test with one that does not."""
    if not holds:
        sys.exit(f"FAILED: {claim}\n{detail}".rstrip())
    print(f"  ok: {claim}", flush=True)


def run(command, **options):
    """The output. A command that fails ends the test with what it said."""
    done = subprocess.run([str(word) for word in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)
    if done.returncode:
        sys.exit(f"FAILED: {shlex.join(str(word) for word in command)} exited {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def wait_for(ready, what, seconds=15.0):
    """The first true value of `ready`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := ready():
            return found
        time.sleep(0.1)
    sys.exit(f"FAILED: {what} took more than {seconds:.0f} s")


@contextlib.contextmanager
def folder():
    """A temporary folder, with its mounts ended before it is deleted."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-"))
    try:
        yield path
    finally:
        mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        for mount in reversed([name for name in mounts if name.startswith(f"{path}/")]):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(path)


class Network:
    """A network namespace that has a loopback device and nothing else, so that default ports are free."""

    def __init__(self):
        self._holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec sleep 86400"],
                                        stdout=subprocess.PIPE)
        self._holder.stdout.readline()
        self.path = f"/proc/{self._holder.pid}/ns/net"
        self.inside = ["nsenter", f"--net={self.path}"]

    def fetch(self, path, method="GET", token=""):
        """(status, body) of a request to the service; None while nobody answers."""
        done = subprocess.run([*self.inside, sys.executable, "-c", FETCH, method, f"http://127.0.0.1:8000{path}", token],
                              text=True, capture_output=True)
        if done.returncode:
            return None
        status, _, body = done.stdout.partition("\n")
        return int(status), body

    def end(self):
        self._holder.kill()
        self._holder.wait()


class Root:
    """A copy of a root file system in `path`, ready for commands."""

    def __init__(self, template, path, archives=None):
        """`archives` keeps downloaded packages for the next test."""
        self.path = pathlib.Path(path)
        run(["cp", "-a", template, self.path])
        for device in ("proc", "dev", "sys"):
            run(["mount", "--rbind", f"/{device}", self.path / device])
        run(["mount", "-t", "tmpfs", "tmpfs", self.path / "run"])
        shutil.copy("/etc/resolv.conf", self.path / "etc/resolv.conf")
        if archives:
            archives.mkdir(parents=True, exist_ok=True)
            run(["mount", "--bind", archives, self.path / "var/cache/apt/archives"])

    def command(self, *words, environment=None):
        """What runs `words` in it with a clean environment."""
        variables = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(environment or {})}
        for name in ("http_proxy", "https_proxy"):
            if name in os.environ:
                variables[name] = os.environ[name]
        return ["chroot", self.path, "env", "-i", *(f"{name}={value}" for name, value in variables.items()), *words]

    def run(self, *words):
        return run(self.command(*words))

    def fails(self, *words):
        return subprocess.run(self.command(*words), capture_output=True).returncode != 0

    def install(self, *debs):
        """By apt, as an administrator would. Gives apt's output."""
        for deb in debs:
            shutil.copy(deb, self.path / "tmp")
        names = [f"/tmp/{pathlib.Path(deb).name}" for deb in debs]
        return self.run("apt-get", "-o", "Dpkg::Use-Pty=0", "install", "-y", "--no-install-recommends",
                        "--allow-downgrades", *names)

    def rights(self, name):
        """'root:holdfast 640' of a file in it."""
        return self.run("stat", "-c", "%U:%G %a", name).strip()


def read_unit(path):
    """The settings of a unit file as lists of values: systemd allows a setting more than once."""
    settings = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not line.startswith(("#", ";")):
            settings.setdefault(name, []).append(value)
    return settings


class Unit:
    """Runs a service the way its unit says: its user, folders, environment, limits, read-only system and signals."""

    def __init__(self, root, network, path, log):
        self._root, self._network, self._path, self._log = root, network, path, log
        self._process = None

    def setting(self, name, default=None):
        values = read_unit(self._root.path / self._path).get(name)
        return values[-1] if values else default

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self):
        if self.running:
            return
        root, state = self._root.path, f"/var/lib/{self.setting('StateDirectory')}"
        user, state_mode = self.setting("User"), self.setting("StateDirectoryMode", "0755")
        self._root.run("install", "-d", "-o", user, "-g", user, "-m", state_mode, state)
        environment = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "USER": user, "HOME": state, **self._environment_file()}
        # ProtectSystem=strict, PrivateTmp=yes: all is read-only but the state directory and a /tmp of its own.
        script = ("mount --bind $0 $0 && mount -o remount,bind,ro $0 && mount --bind $0$1 $0$1 && "
                  "mount -o remount,bind,rw $0$1 && mount -t tmpfs tmpfs $0/tmp && root=$0 && shift && exec chroot $root \"$@\"")
        command = [*self._network.inside, "unshare", "--mount", "--propagation", "private", "sh", "-c", script, root, state,
                   "setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs",
                   "--inh-caps=-all", "--bounding-set=-all", "env", "-i",
                   f"--chdir={self.setting('WorkingDirectory', '/')}",
                   *(f"{name}={value}" for name, value in environment.items()), *shlex.split(self.setting("ExecStart"))]
        # A container may not let root raise its limit.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = int(self.setting("LimitNOFILE", "1024"))
        if 0 <= most < files:
            figure("LimitNOFILE", f"{most} instead of the unit's {files}, because this machine allows no more")
            files = most
        with open(self._log, "a") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)))

    def stop(self):
        """Gives the seconds that it took."""
        if not self.running:
            return 0.0
        since = time.monotonic()
        self._process.send_signal(getattr(signal, self.setting("KillSignal", "SIGTERM")))
        status = self._process.wait(float(self.setting("TimeoutStopSec", "90")))
        if status:
            sys.exit(f"FAILED: the service exited {status}:\n{self.log()}")
        return time.monotonic() - since

    def end(self):
        if self.running:
            self._process.kill()
            self._process.wait()

    def log(self):
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def user(self):
        return os.stat(f"/proc/{self._process.pid}").st_uid

    def _environment_file(self):
        name = self.setting("EnvironmentFile", "-/nonexistent")
        path = self._root.path / name.lstrip("-/")
        if not path.exists():
            if not name.startswith("-"):
                sys.exit(f"FAILED: the unit needs {name}, which is missing")
            return {}
        lines = [line.strip() for line in path.read_text().splitlines()]
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


SYSTEMCTL = """#!/bin/sh
# Stands for systemd's: notes each call, enables as Debian's preset does, and has the test start and stop the service.
echo "$*" >>/run/test/calls
enabled=/etc/systemd/system/multi-user.target.wants/holdfast.service
case "$*" in
  *preset*holdfast.service) mkdir -p "${enabled%/*}" && exec ln -sf /lib/systemd/system/holdfast.service "$enabled" ;;
  *is-enabled*holdfast.service) [ -e "$enabled" ] && echo enabled; exit ;;
  *is-active*holdfast.service*) exec test -e /run/test/active ;;
  *start\\ holdfast.service|*stop\\ holdfast.service)
    echo "$*" >/run/test/requests
    read -r status </run/test/answers
    exit "$status" ;;
esac
"""


class Systemd:
    """What the maintainer scripts of a package take for a running systemd. It runs `unit`."""

    def __init__(self, root, unit):
        self._unit, self._folder = unit, root.path / "run/test"
        (root.path / "run/systemd/system").mkdir(parents=True)
        self._folder.mkdir()
        (self._folder / "calls").touch()
        for fifo in ("requests", "answers"):
            os.mkfifo(self._folder / fifo)
        program = root.path / "usr/bin/systemctl"  # apt runs scripts without /usr/local in their PATH
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)
        threading.Thread(target=self._serve, daemon=True).start()

    def calls(self):
        """Those that concern the service or all units since the last look, in order."""
        path = self._folder / "calls"
        calls = path.read_text().splitlines()
        path.write_text("")
        words = ("start", "restart", "stop", "daemon-reload")
        return [word for call in calls for word in call.split() if word in words and "sysctl" not in call]

    def _serve(self):
        while True:
            try:
                request = (self._folder / "requests").read_text().split()
            except FileNotFoundError:  # the root is deleted: the test is over
                return
            status = 1
            try:
                if "stop" in request or "restart" in request:
                    self._unit.stop()
                if "start" in request or "restart" in request:
                    self._unit.start()
                active = self._folder / "active"
                active.touch() if self._unit.running else active.unlink(missing_ok=True)
                status = 0
            except SystemExit as failure:
                print(failure, file=sys.stderr, flush=True)
            finally:
                (self._folder / "answers").write_text(f"{status}\n")


class Publisher:
    """The program's own publisher: a synthetic stream over real WebRTC."""

    def __init__(self, network, program, url, log, *flags):
        """`program`: the words that run holdfast."""
        self._log = open(log, "w+")
        command = (*network.inside, *program, "publish", url, "--size", "640x360", "--bitrate", "800k", *flags)
        self._process = subprocess.Popen([str(word) for word in command],
                                         stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT)

    def end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


def status_of(network, name, token=""):
    """The status of a recording, once it has a file; None before."""
    reply = network.fetch(f"/api/recording/status/{name}", token=token)
    if not reply or reply[0] != 200:
        return None
    status = json.loads(reply[1])
    return status if status.get("output_path") else None


def check_media_so_far(path):
    """A file that still grows can be read: ffprobe finds its tracks."""
    found = run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", path])
    check({"h264", "aac"} <= set(found.split()), f"ffprobe finds picture and sound in {path.name} while it grows", found)


def check_media(path, seconds):
    """Judges a file by ffmpeg: it is decoded in full, without one error, and is about as long as it should be."""
    decoded = subprocess.run(["ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-"], text=True,
                             capture_output=True)
    check(decoded.returncode == 0 and not decoded.stderr, f"ffmpeg decodes {path.name} without an error", decoded.stderr)
    probed = json.loads(run(["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_name", "-of", "json",
                             path]))
    codecs = sorted(stream["codec_name"] for stream in probed["streams"])
    duration = float(probed["format"]["duration"])
    figure(path.name, f"{duration:.1f} s, {path.stat().st_size / 1e6:.2f} MB, {' and '.join(codecs)}")
    check(codecs == ["aac", "h264"] and duration >= seconds, f"{path.name} has {seconds:.0f} s or more of picture and sound")


def user_id(root, name):
    entries = [line.split(":") for line in (root.path / "etc/passwd").read_text().splitlines()]
    return next(int(entry[2]) for entry in entries if entry[0] == name)
