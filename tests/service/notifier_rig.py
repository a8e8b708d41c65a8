"""The notifier alone, as it is started for real, with the test as everybody else: the bootstrap and the keeper.

    with Notifier(resolv_conf="nameserver 127.0.0.1:5353\\n") as notifier:
        answer = notifier.deliver("http://127.0.0.1:8000/", networks=["127.0.0.0/8"], allows_plain=True)

The numbers of messages are read from the header, and their fields are written as src/proto/messages.c has them.
"""

import collections
import fcntl
import ipaddress
import os
import re
import select
import socket
import struct
import subprocess
import tempfile
import time
import uuid

from harness import BIN, SOURCE

PATIENCE_SECONDS = 20
MAGIC = 0x31307073
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
ENTRY_FIELD = 0x60
UID, GID = 61236, 61237     # nobody's

Answer = collections.namedtuple("Answer", "id outcome status retry_after duration_ms address detail")


def enumerators(name, header="messages.h"):
    """The enumerators of an enum that has no values of its own, in order."""
    with open(os.path.join(SOURCE, "include", "sallyport", "proto", header), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    body = re.search(rf"enum {name} {{(.*?)}}", text, re.DOTALL).group(1)
    return [word.strip() for word in body.split(",") if word.strip()]


MESSAGES = {name.removeprefix("MSG_"): number for number, name in enumerate(enumerators("msg_type"))}
PROCESSES = {name.removeprefix("PROCESS_"): number for number, name in enumerate(enumerators("process"))}
OUTCOMES = [name.removeprefix("OUTCOME_").lower().replace("_", "-") for name in enumerators("outcome", "deliveries.h")]
SETTING_NOTIFIER = enumerators("setting_type", "settings.h").index("SETTING_NOTIFIER")


def u8(number):
    return struct.pack("<B", number)


def u32(number):
    return struct.pack("<I", number)


def counted(data):
    data = data.encode() if isinstance(data, str) else data
    return u32(len(data)) + data


def frame(message, body):
    return struct.pack("<IIII", MAGIC, MESSAGES[message], len(body), 0) + body


def packed_networks(networks):
    """base/network.h: sixteen bytes and the bits of the prefix; IPv4 is mapped."""
    packed = b""
    for text in networks:
        network = ipaddress.ip_network(text)
        address = network.network_address.packed
        if network.version == 4:
            packed += b"\0" * 10 + b"\xff\xff" + address + u8(96 + network.prefixlen)
        else:
            packed += address + u8(network.prefixlen)
    return packed


def packed_fields(fields):
    packed = b""
    for name, value in fields:
        name, value = name.encode(), value.encode()
        packed += struct.pack("<BHHH", ENTRY_FIELD, len(name), len(value), 0) + name + value
    return packed


def memory_file(data, seals=SEALS, mode=0o400):
    fd = os.memfd_create("body", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    os.fchmod(fd, mode)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def text(self):
        return self.take(self.number(4)).decode("ascii")


class Notifier:
    """The program, confined when we are root; else in a user namespace of its own, where it keeps its id."""

    def __init__(self, resolv_conf="", hosts="", certificates=b""):
        self.files = (resolv_conf, hosts, certificates)
        self.log = tempfile.TemporaryFile()
        self.process = self.control = self.keeper = None

    def __enter__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours
        program = [os.path.join(BIN, "notifier")]
        if os.geteuid() != 0:
            program = ["unshare", "--user", "--map-root-user", *program]
        environment = {name: value for name, value in os.environ.items() if name.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
        # Whatever these would do, it must not: where requests go is the order's to say.
        environment.update(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9")
        self.process = subprocess.Popen(program, pass_fds=[3], preexec_fn=lambda: os.dup2(theirs.fileno(), 3), env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log, cwd="/")
        theirs.close()
        is_root = os.geteuid() == 0
        self.order("BECOME", (u32(UID) + u32(GID) if is_root else u32(0) + u32(0)) + u8(not is_root))
        self.settings(*self.files)
        self.new_keeper()
        self.order("BEGIN", u8(0))
        return self

    def __exit__(self, *exception):
        if self.control is not None:
            self.control.close()
        if self.keeper is not None:
            self.keeper.close()
        try:
            status = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        said = self.said()
        self.log.close()
        if status not in (0, 1) or "ERROR: AddressSanitizer" in said or "runtime error:" in said:
            raise AssertionError(f"the notifier ended with {status}:\n{said}")

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    # --- as the bootstrap ---

    def order(self, message, body, fd=None):
        socket.send_fds(self.control, [frame(message, body)], [fd] if fd is not None else [])

    def settings(self, resolv_conf="", hosts="", certificates=b""):
        record = counted(resolv_conf) + counted(hosts) + counted(certificates)
        fd = memory_file(u32(SETTING_NOTIFIER) + counted(record))
        self.order("SETTINGS", u32(1), fd)
        os.close(fd)

    def new_keeper(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.order("PEER", u8(PROCESSES["KEEPER"]), theirs.fileno())
        theirs.close()
        if self.keeper is not None:
            self.keeper.close()
        self.keeper = ours

    def drain(self):
        self.order("SHUTDOWN", u32(1000))

    # --- as the keeper ---

    def send(self, url, body=b"{}", fields=(("content-type", "application/json"),), networks=(), timeout=5, connect_timeout=None,
             allows_plain=False, delivery_id=None, body_fd=None, packed=None):
        """An order; returns its id. packed: what stands for the list of networks."""
        delivery_id = delivery_id or uuid.uuid4().bytes
        connect_timeout = timeout if connect_timeout is None else connect_timeout
        order = (delivery_id + counted(url) + counted(fields if isinstance(fields, bytes) else packed_fields(fields)) +
                 counted(packed_networks(networks) if packed is None else packed) + u32(int(connect_timeout * 1000)) +
                 u32(int(timeout * 1000)) + u8(allows_plain))
        fd = memory_file(body) if body_fd is None else body_fd
        socket.send_fds(self.keeper, [frame("DELIVER", order)], [fd])
        if body_fd is None:
            os.close(fd)
        return delivery_id

    def answer(self, patience=PATIENCE_SECONDS):
        """The next answer; EOFError when the notifier has let go of us."""
        if not select.select([self.keeper], [], [], patience)[0]:
            raise TimeoutError(f"no answer within {patience} s")
        data = self.keeper.recv(65536)
        if not data:
            raise EOFError("the notifier has closed the line")
        magic, message, length, _ = struct.unpack("<IIII", data[:16])
        assert (magic, message, length) == (MAGIC, MESSAGES["DELIVERED"], len(data) - 16), data[:16]
        reader = Reader(data[16:])
        delivery_id, outcome, status = reader.take(16), OUTCOMES[reader.number(1)], reader.number(4)
        has_retry_after, retry_after, duration = reader.number(1), reader.number(4), reader.number(4)
        return Answer(delivery_id, outcome, status, retry_after if has_retry_after else None, duration, reader.text(), reader.text())

    def deliver(self, url, **more):
        """An order and its answer."""
        delivery_id = self.send(url, **more)
        answer = self.answer()
        assert answer.id == delivery_id, "an answer to another order"
        return answer

    def wait(self, seconds=PATIENCE_SECONDS):
        """Its exit status."""
        return self.process.wait(seconds)

    def status(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def wait_for(condition, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)
