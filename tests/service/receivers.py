"""Who sits at the other end of a callback: receivers that behave well or badly, certificates, and name servers that lie."""

import contextlib
import email.utils
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import warnings

STEP_SECONDS = 30       # a connection that nothing happens on any more ends by then; tests do not wait for it


class Request:
    def __init__(self, head, body):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = first.split(" ")
        self.fields = [tuple(line.split(": ", 1)) if ": " in line else (line, "") for line in lines]
        self.body = body

    def field(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


class Receiver:
    """Reads one request from each connection, keeps it in `requests`, and answers as its path says."""

    def __init__(self, host="127.0.0.1", port=0, context=None, greeting=b""):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(256)
        self.port = self.listener.getsockname()[1]
        self.context, self.greeting = context, greeting
        self.requests, self.connections = [], 0
        self.lock = threading.Condition()
        self.gate = threading.Event()       # /wait answers once it is set
        self.was_cut_off = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)    # accept() would hold its place until the next connection
        self.listener.close()
        self.gate.set()

    def wait_for_requests(self, count):
        with self.lock:
            if not self.lock.wait_for(lambda: len(self.requests) >= count, STEP_SECONDS):
                raise TimeoutError(f"{len(self.requests)} of {count} requests came")

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(STEP_SECONDS)
        try:
            connection.sendall(self.greeting)
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            request = self.read(connection)
            with self.lock:
                self.requests.append(request)
                self.lock.notify_all()
            name, _, argument = request.target.partition("?")[0].strip("/").partition("/")
            getattr(self, "answer_" + name.replace("-", "_"))(connection, argument)
        except OSError:     # the other side has had enough
            pass
        finally:
            connection.close()

    @staticmethod
    def read(connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("no request")
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        request = Request(head, b"")
        while len(body) < int(request.field("content-length")[0]):
            body += connection.recv(65536)
        request.body = body
        return request

    # --- the answers ---

    @staticmethod
    def say(connection, status, *lines, body=b"ok"):
        head = [f"HTTP/1.1 {status} Whatever", *lines, f"Content-Length: {len(body)}"]
        connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)

    @staticmethod
    def until_closed(connection):
        while connection.recv(4096):
            pass

    @staticmethod
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def answer_status(self, connection, argument):
        self.say(connection, argument, body=b"" if argument == "204" else b"ok")

    def answer_retry(self, connection, argument):
        self.say(connection, 429, f"Retry-After: {argument}")

    def answer_retry_date(self, connection, argument):
        self.say(connection, 503, f"Retry-After: {email.utils.formatdate(time.time() + int(argument), usegmt=True)}")

    def answer_redirect(self, connection, argument):
        self.say(connection, 307, f"Location: http://127.0.0.1:{argument}/status/200")

    def answer_early_hints(self, connection, _):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nRetry-After: 5\r\n\r\n")
        self.say(connection, 200)

    def answer_slow_head(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow:")
        self.until_closed(connection)

    def answer_slow_interim(self, connection, _):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        self.until_closed(connection)

    def answer_slow_body(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        self.until_closed(connection)

    def answer_short_body(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")

    def endlessly(self, connection, piece):
        try:
            while True:
                connection.sendall(piece)
        except OSError:
            self.was_cut_off.set()

    def answer_huge_body(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        self.endlessly(connection, b"x" * 65536)

    def answer_huge_head(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        self.endlessly(connection, b"X-Filler: " + b"x" * 100 + b"\r\n")

    def answer_huge_line(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Filler: ")
        self.endlessly(connection, b"x" * 65536)

    def answer_reset(self, connection, _):
        self.reset(connection)

    def answer_reset_middle(self, connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
        self.reset(connection)

    def answer_nothing(self, connection, _):
        pass

    def answer_garbage(self, connection, _):
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\0\xff" * 500)

    def answer_wait(self, connection, _):
        self.gate.wait(STEP_SECONDS)
        self.say(connection, 200)


class Certificates:
    """An authority and what it signed, and certificates that nobody should believe; all made now, with openssl."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="sallyport-certificates-")
        self.authority("ca")
        self.authority("other-ca")
        self.make("good", "ca", "DNS:hooks.example,IP:127.0.0.1")
        self.make("wrong-name", "ca", "DNS:other.example,IP:127.0.0.9")
        self.make("expired", "ca", "DNS:hooks.example,IP:127.0.0.1", days=-1)
        self.make("of-other-ca", "other-ca", "DNS:hooks.example,IP:127.0.0.1")
        self.make("self-signed", None, "DNS:hooks.example,IP:127.0.0.1")

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.directory, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr}")

    def key(self, name):
        self.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")

    def authority(self, name):
        self.key(name)
        self.openssl("req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.pem")

    def make(self, name, authority, names, days=2):
        self.key(name)
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", "/CN=receiver", "-out", f"{name}.csr")
        with open(self.path(f"{name}.ext"), "w", encoding="ascii") as file:
            file.write(f"subjectAltName={names}\n")
        signer = ["-signkey", f"{name}.key"] if authority is None else ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                                                                       "-CAcreateserial"]
        self.openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", str(days), "-extfile", f"{name}.ext", "-out",
                     f"{name}.pem")

    def pem(self, *names):
        data = b""
        for name in names:
            with open(self.path(f"{name}.pem"), "rb") as file:
                data += file.read()
        return data

    def context(self, name, highest=ssl.TLSVersion.MAXIMUM_SUPPORTED):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)     # that is why it is tried
            if highest < ssl.TLSVersion.TLSv1_2:
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = highest
            context.maximum_version = highest
        context.load_cert_chain(self.path(f"{name}.pem"), self.path(f"{name}.key"))
        return context


A, AAAA = 1, 28
TRUNCATED, NO_NAME, FAILED, SILENT = "truncated", "no name", "failed", "silent"


class NameServer:
    """Answers questions over UDP from `names`: addresses, or one of the words above; a list of lists is taken one by one."""

    def __init__(self, names=None, host="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]
        self.names = dict(names or {})
        self.questions = []         # (name, type), in order
        self.sources = set()
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.socket.close()

    def resolv_conf(self, *lines):
        return "\n".join([f"nameserver 127.0.0.1:{self.port}", *lines, ""])

    def serve(self):
        while True:
            try:
                question, source = self.socket.recvfrom(4096)
            except OSError:
                return
            self.sources.add(source)
            answer = self.answer(question)
            if answer is not None:
                self.socket.sendto(answer, source)

    def choose(self, name, kind):
        answers = self.names.get(name, NO_NAME)
        if isinstance(answers, list) and answers and isinstance(answers[0], list):     # for each question of a kind the next
            asked = sum(question == (name, kind) for question in self.questions)
            answers = answers[min(asked - 1, len(answers) - 1)]
        return answers

    def answer(self, question):
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += question[at] + 1
        kind = struct.unpack(">H", question[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.questions.append((name, kind))
        answers = self.choose(name, kind)
        if answers == SILENT:
            return None
        flags, records = 0x8180, b""
        if isinstance(answers, list):
            chosen = [address for address in answers if (":" in address) == (kind == AAAA)]
            for address in chosen:
                packed = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, address)
                records += struct.pack(">HHHIH", 0xc00c, kind, 1, 60, len(packed)) + packed
        else:
            chosen, flags = [], flags | {NO_NAME: 3, FAILED: 2, TRUNCATED: 0x200}[answers]
        return question[:2] + struct.pack(">HHHHH", flags, 1, len(chosen), 0, 0) + question[12:at + 5] + records
