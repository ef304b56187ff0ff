"""Those who mean no good, or cannot do better: junk at the media ports, malformed and slow requests at the API."""
import contextlib
import socket
import struct
import threading
import time

from harness.malformed import malformed_requests

UDP_SEGMENT = 103  # linux/udp.h: one message becomes datagrams of that size
AT_ONCE = 50


class Nuisance:
    """A thread that goes on until the block is left; `count` is how often it did what it does."""

    def __init__(self, dice):
        self._dice, self._over = dice, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.count, self._failure = 0, None

    def __enter__(self):
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def rate(self):
        """A second, so far."""
        return self.count / (time.monotonic() - self._begun)

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def _run(self):
        try:
            self.annoy()
        except Exception as error:  # told when the block is left
            self._failure = error


class JunkFlood(Nuisance):
    """So many datagrams a second from an address that nobody knows, in turn to each of the ports: random bytes, and random
    bytes behind the header of an RTP packet."""

    def __init__(self, dice, ports, rate):
        super().__init__(dice)
        self._ports, self._rate = list(ports), rate

    def _junk(self, size):
        def datagram():
            if self._dice.random() < 0.5:
                return self._dice.randbytes(size)
            return struct.pack("!BB", 0x80, self._dice.randrange(256)) + self._dice.randbytes(size - 2)
        return b"".join(datagram() for _ in range(AT_ONCE))

    def annoy(self):
        sizes = [self._dice.randrange(20, 1200) for _ in range(16)]
        messages = [(size, self._junk(size)) for size in sizes]
        begun = time.monotonic()
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            while not self._over.wait(max(0, begun + self.count / self._rate - time.monotonic())):
                turn = self.count // AT_ONCE
                size, message = messages[turn % len(messages)]
                sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
                sender.sendto(message, ("127.0.0.1", self._ports[turn % len(self._ports)]))
                self.count += AT_ONCE


class MalformedRequests(Nuisance):
    """One after the other."""

    def __init__(self, dice, port):
        super().__init__(dice)
        self._port = port

    def annoy(self):
        requests = malformed_requests(self._dice, 200)
        while not self._over.wait(0.01):
            requests[self.count % len(requests)].send(self._port)
            self.count += 1


class SlowClients(Nuisance):
    """Many connections, on each a request of which a byte comes now and then."""

    REQUEST = b"POST /api/recording/start/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"

    def __init__(self, dice, port, connections=50):
        super().__init__(dice)
        self._port, self._connections = port, connections

    def annoy(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", self._port), timeout=10))
                       for _ in range(self._connections)]
            at = 0
            while not self._over.wait(0.2):
                for client in clients:
                    with contextlib.suppress(ConnectionError):  # it may be fed up with them
                        client.sendall(self.REQUEST[at % len(self.REQUEST):][:1])
                        self.count += 1
                at += 1
