"""A bad line to a broker: a TCP proxy that can be cut, that can stand still, and that can lose the answers to requests to append."""

import contextlib
import socket
import struct
import threading

PRODUCE = 0


class Line:
    """A client's connection, and the one to the broker that belongs to it."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        # Numbers of the requests to append that are not answered yet.
        self.produced = set()

    def close(self):
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Proxy:
    """Stands before one broker, at a port of its own."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.broker = None
        self.lock = threading.Lock()
        self.lines = []
        self.flows = threading.Event()
        self.flows.set()
        self.is_cut = False
        self.held = 0
        # What to do to the next answer to a request to append: lose it, and perhaps close the line.
        self.loss = None
        self.lost = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.broker))
            except OSError:
                client.close()
                continue
            line = Line(client, server)
            with self.lock:
                self.lines.append(line)
            threading.Thread(target=self.carry, args=(line, self.ask), daemon=True).start()
            threading.Thread(target=self.carry, args=(line, self.answer), daemon=True).start()

    def carry(self, line, pass_on):
        source = line.client if pass_on == self.ask else line.server
        with contextlib.suppress(OSError):
            while frame := whole(source):
                if not self.flows.is_set():
                    with self.lock:
                        self.held += 1
                    self.flows.wait()
                pass_on(line, frame)
        line.close()
        with self.lock, contextlib.suppress(ValueError):
            self.lines.remove(line)

    def ask(self, line, frame):
        key, _, number = struct.unpack_from(">hhi", frame, 4)
        if key == PRODUCE:
            line.produced.add(number)
        line.server.sendall(frame)

    def answer(self, line, frame):
        (number,) = struct.unpack_from(">i", frame, 4)
        if number in line.produced:
            line.produced.discard(number)
            with self.lock:
                loss, self.loss = self.loss, None
            if loss:
                self.lost.set()
                if loss == "closed":
                    line.close()
                return
        line.client.sendall(frame)

    def cut(self):
        """Ends all connections and takes no new ones; gives how many it ended."""
        self.is_cut = True
        with self.lock:
            lines = list(self.lines)
        for line in lines:
            line.close()
        return len(lines)

    def mend(self):
        self.is_cut = False

    def stall(self):
        self.held = 0
        self.flows.clear()

    def go_on(self):
        """Lets through what was held; gives how many messages that were."""
        self.flows.set()
        return self.held

    def lose_an_answer(self, seconds, is_closed):
        """Loses the next answer to a request to append, which the broker has done; gives whether there was one in time."""
        self.lost.clear()
        with self.lock:
            self.loss = "closed" if is_closed else "silent"
        if not self.lost.wait(seconds):
            with self.lock:
                self.loss = None
        return self.lost.is_set()

    def close(self):
        self.listener.close()
        self.cut()
        self.flows.set()


def whole(source):
    """The next message with its length before it; nothing at the end."""
    head = exactly(source, 4)
    body = head and exactly(source, struct.unpack(">i", head)[0])
    return body and head + body


def exactly(source, length):
    found = bytearray()
    while len(found) < length:
        piece = source.recv(length - len(found))
        if not piece:
            return b""
        found += piece
    return bytes(found)
