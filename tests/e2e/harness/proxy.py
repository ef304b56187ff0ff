"""A TCP forwarder that can be cut, as a network cuts it: what is open is reset, what comes anew is refused."""
import contextlib
import socket
import struct
import threading

from harness.program import free_port


class Proxy:
    def __init__(self, target_port):
        self.port, self._target = free_port(), target_port
        self._open, self._listener = set(), None
        self.connections = 0
        self.mend()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}"

    def mend(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        # shutdown() wakes accept(); close() alone would leave the port listening.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._open.clear()

    end = cut  # as the fixtures say it

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self.connections += 1
                self._open |= {near, far}
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
