"""A network namespace with one cable to here, whose far end can lose datagrams. Needs root, iproute2 and iptables."""
import ctypes
import itertools
import os
import shutil
import subprocess

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)


def may_make():
    """Whether this machine lets us make namespaces with packet filters in them."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("iptables"):
        return False
    try:
        Namespace().end()
        return True
    except subprocess.CalledProcessError:
        return False


def _run(*words):
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


class Namespace:
    def __init__(self):
        number = next(_numbers)
        self.name, self.device = f"holdfast-{os.getpid()}-{number}", "far"
        self.near_device = f"hf{os.getpid() % 100000}-{number}"
        network = f"10.{200 + os.getpid() % 50}.{number}"
        self.near, self.far = f"{network}.1", f"{network}.2"
        _run("ip", "netns", "add", self.name)
        try:
            _run("ip", "link", "add", self.near_device, "type", "veth", "peer", "name", self.device, "netns", self.name)
            _run("ip", "address", "add", f"{self.near}/24", "dev", self.near_device)
            _run("ip", "link", "set", self.near_device, "up")
            for words in (("ip", "address", "add", f"{self.far}/24", "dev", self.device),
                          ("ip", "link", "set", self.device, "up"), ("ip", "link", "set", "lo", "up")):
                _run(*self.inside, *words)
            _run(*self.inside, "iptables", "-L", "-n")
        except subprocess.CalledProcessError:
            self.end()
            raise

    @property
    def inside(self):
        """The words before a command that is to run in it."""
        return ["ip", "netns", "exec", self.name]

    def lose(self, probability):
        """From now on each datagram that arrives is dropped with this probability, 0 to 1."""
        _run(*self.inside, "iptables", "-F", "INPUT")
        if probability:
            _run(*self.inside, "iptables", "-A", "INPUT", "-p", "udp", "-m", "statistic", "--mode", "random",
                 "--probability", probability, "-j", "DROP")

    def enter(self):
        """Moves the calling thread into it, for good: sockets that it opens are in there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{self.name}", "rb") as handle:
            if libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def end(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
