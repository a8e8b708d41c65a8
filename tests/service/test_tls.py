"""TLS of the API's own, seen by clients that others wrote: openssl s_client, curl, and Python's ssl."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import unittest

import harness
from harness import Instance, Stream, free_port, wait_until
from receivers import Certificates

SILENT_SECONDS = 60         # what the guard allows a connection before its first byte
SLACK_SECONDS = 20
COMMANDS = {
    "hello": {"exec": ["/usr/bin/echo", "hello"]},
    "count": {"exec": ["/usr/bin/bash", "-c", "echo 1; read -r; echo 2"], "stdin": "stream", "timeout": "60s"},
    "size": {"exec": ["/usr/bin/wc", "-c"], "stdin": "body"},
    "much": {"exec": ["/usr/bin/head", "-c", "8000000", "/dev/zero"]},
}


def setUpModule():
    TlsCase.certificates = Certificates()


def tearDownModule():
    TlsCase.certificates.remove()


class TlsInstance(Instance):
    """Plain on `port`, where the harness asks, and TLS on `tls_port`."""

    def __init__(self, certificates, name="good", tls=None, client_ca=None, peers=None, **more):
        super().__init__(COMMANDS, **more)
        self.certificates, self.tls_port = certificates, free_port()
        self.cert_path, self.tls_key_path = os.path.join(self.directory, "cert.pem"), os.path.join(self.directory, "key.pem")
        self.config["server"]["listen"] = [f"plain:127.0.0.1:{self.port}", f"127.0.0.1:{self.tls_port}"]
        self.config["server"]["tls"] = {"cert": self.cert_path, "key": f"file:{self.tls_key_path}", **(tls or {})}
        if client_ca is not None:
            self.use_client_ca(client_ca)
        if peers is not None:
            self.config["peers"] = peers
        self.use(name)

    def use_client_ca(self, name):
        path = os.path.join(self.directory, "client-ca.pem")
        with open(self.certificates.path(f"{name}.pem"), encoding="ascii") as file:
            self.write_private(path, file.read())
        self.config["server"]["tls"]["client_ca"] = path

    def use(self, name, key=None):
        """Puts the certificate's files where the configuration names them."""
        for source, target in ((f"{name}.pem", self.cert_path), (f"{key or name}.key", self.tls_key_path)):
            with open(self.certificates.path(source), encoding="ascii") as file:
                self.write_private(target, file.read())

    def trust(self, authority="ca", client=None):
        """Believes this authority, and shows this certificate."""
        context = ssl.create_default_context(cafile=self.certificates.path(f"{authority}.pem"))
        if client is not None:
            context.load_cert_chain(self.certificates.path(f"{client}.pem"), self.certificates.path(f"{client}.key"))
        return context

    def open_tls(self, context=None, name="127.0.0.1", timeout=30):
        raw = socket.create_connection(("127.0.0.1", self.tls_port), timeout)
        return (context or self.trust()).wrap_socket(raw, server_hostname=name, suppress_ragged_eofs=False)

    def connect_tls(self, context=None, timeout=30):
        return http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=timeout, context=context or self.trust())

    def request_tls(self, method, path, body=None, headers=None, context=None, connection=None):
        """The answer and its body; over a connection of its own, unless there is one."""
        with contextlib.ExitStack() as stack:
            if connection is None:
                connection = stack.enter_context(contextlib.closing(self.connect_tls(context)))
            connection.request(method, path, body=body, headers={"Authorization": f"Bearer {self.token}", **(headers or {})})
            answer = connection.getresponse()
            return answer, answer.read()

    def served(self):
        """The certificate that a new connection gets, as bytes."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with self.open_tls(context) as connection:
            return connection.getpeercert(True)

    def expected(self, name):
        with open(self.certificates.path(f"{name}.pem"), encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def log_lines(self, text):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return [line for line in file if text in line]


class TlsCase(unittest.TestCase):
    certificates = None
    options = {}

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{harness.BIN}/sallyportd is not built")
        cls.instance = TlsInstance(cls.certificates, **cls.options).start()

    @classmethod
    def tearDownClass(cls):
        cls.instance.stop()

    def curl(self, *arguments, path="/v1/commands", token=True):
        ours = ["-H", f"Authorization: Bearer {self.instance.token}"] if token else []
        return subprocess.run(["curl", "-sS", "--max-time", "30", "--cacert", self.certificates.path("ca.pem"), *ours, *arguments,
                               f"https://127.0.0.1:{self.instance.tls_port}{path}"],
                              capture_output=True, text=True, check=False, timeout=60)

    def s_client(self, *arguments, given=b"Q\n"):
        """What openssl s_client says, its errors with it."""
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.instance.tls_port}", "-CAfile",
                               self.certificates.path("ca.pem"), *arguments], input=given, capture_output=True, check=False,
                              timeout=60)
        return (done.stdout + done.stderr).decode(errors="replace")

    def reload(self):
        """What the log says of it."""
        before = len(self.instance.log_lines("reloaded"))
        os.kill(self.instance.process.pid, signal.SIGHUP)
        self.assertTrue(wait_until(lambda: len(self.instance.log_lines("reloaded")) > before, 20), self.instance.log())
        return self.instance.log_lines("reloaded")[-1]


class Clients(TlsCase):
    options = {"tls": {"hsts": "365d"}}

    # --- curl ---

    def test_curl_asks_and_runs_a_job(self):
        done = self.curl("-v")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"hello"', done.stdout)
        self.assertIn("ALPN: server accepted http/1.1", done.stderr)
        self.assertIn("< HTTP/1.1 200", done.stderr)
        done = self.curl("-X", "POST", "-H", "Accept: application/x-ndjson", "-d", "{}", "-H", "Content-Type: application/json",
                         path="/v1/commands/hello/jobs")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"d":"hello\\n"', done.stdout)

    def test_versions_below_1_2_are_refused(self):
        for version in ("1.0", "1.1"):
            done = self.curl("--tlsv1.0", "--tls-max", version, "--ciphers", "ALL:@SECLEVEL=0")
            self.assertEqual((done.returncode, done.stdout), (35, ""), done)
            self.assertIn("protocol version", done.stderr)
        for version in ("1.2", "1.3"):
            done = self.curl("--tlsv" + version, "--tls-max", version)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_token_is_asked_for_as_it_is_without_tls(self):
        done = self.curl("-o", "/dev/null", "-w", "%{http_code}", token=False)
        self.assertEqual((done.returncode, done.stdout), (0, "401"), done)

    def test_a_body_that_waits_for_its_continue_gets_it(self):
        for command, fields in (("hello", ["-d", "{}", "-H", "Content-Type: application/json"]),
                                ("size", ["-F", "stdin=@" + self.large_file()])):
            done = self.curl("-v", *fields, "-H", "Expect: 100-continue", path=f"/v1/commands/{command}/jobs")
            self.assertIn("< HTTP/1.1 100 Continue", done.stderr)
            self.assertIn("< HTTP/1.1 202", done.stderr)

    def large_file(self):
        """More than a small body, so that the guard holds it."""
        path = os.path.join(self.instance.directory, "large")
        with open(path, "wb") as file:
            file.write(bytes(3_000_000))
        return path

    # --- openssl s_client ---

    def test_http_1_1_is_chosen_and_who_offers_others_alone_is_refused(self):
        self.assertIn("ALPN protocol: http/1.1", self.s_client("-alpn", "h2,http/1.1"))
        self.assertIn("No ALPN negotiated", self.s_client())
        self.assertIn("no application protocol", self.s_client("-alpn", "h2"))

    def test_only_suites_with_forward_secrecy_and_authenticated_encryption_are_agreed_on(self):
        for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            said = self.s_client("-tls1_2", "-cipher", suite)
            self.assertIn(f"Cipher is {suite}", said)
            self.assertIn("Verification: OK", said)
        for suite in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256",
                      "ECDHE-ECDSA-AES128-CCM", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"):
            said = self.s_client("-tls1_2", "-cipher", suite + ":@SECLEVEL=0")
            self.assertIn("Cipher is (NONE)", said, suite)
            self.assertIn("handshake failure", said, suite)

    def test_there_is_no_compression_no_renegotiation_and_no_ticket(self):
        said = self.s_client("-tls1_2", "-comp")
        self.assertIn("Compression: NONE", said)
        self.assertIn("Secure Renegotiation IS supported", said)        # as RFC 5746 wants it said
        self.assertNotIn("TLS session ticket", said)
        self.assertIn("no renegotiation", self.s_client("-tls1_2", given=b"R\n"))
        with self.instance.open_tls() as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200", connection.recv(4096))                # tickets of 1.3 would have come before
            self.assertFalse(connection.session is not None and connection.session.has_ticket)

    def test_a_wrong_name_in_the_greeting_changes_nothing(self):
        said = self.s_client("-servername", "somebody.else.example")
        self.assertIn("Verification: OK", said)

    # --- what is only over TLS ---

    def test_strict_transport_security_is_said_over_tls_only(self):
        answer, _ = self.instance.request_tls("GET", "/readyz")
        self.assertEqual(answer.getheader("Strict-Transport-Security"), "max-age=31536000")
        answer, _ = self.instance.request_tls("GET", "/nowhere")
        self.assertEqual(answer.getheader("Strict-Transport-Security"), "max-age=31536000")
        self.assertNotIn("Strict-Transport-Security", self.instance.request("GET", "/readyz").headers)

    # --- bytes, many and few ---

    def test_much_is_sent_and_much_is_received(self):
        body = os.urandom(4_000_000).hex().encode()
        connection = self.instance.connect_tls(timeout=60)
        boundary = "edge"
        form = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"stdin\"; filename=\"x\"\r\n\r\n".encode() + body +
                f"\r\n--{boundary}--\r\n".encode())
        answer, said = self.instance.request_tls("POST", "/v1/commands/size/jobs", form, connection=connection, headers={
            "Content-Type": f"multipart/form-data; boundary={boundary}", "Prefer": "wait=30"})
        self.assertEqual((answer.status, json.loads(said)["output"]["bytes"]), (200, len(f"{len(body)}\n")), said)
        answer, said = self.instance.request_tls("POST", "/v1/commands/much/jobs", b"{}", connection=connection, headers={
            "Content-Type": "application/json", "Prefer": "wait=30"})
        job = answer.getheader("Sallyport-Job")
        answer, said = self.instance.request_tls("GET", f"/v1/jobs/{job}/output", connection=connection,
                                                 headers={"Accept": "application/octet-stream"})
        self.assertEqual((answer.status, len(said)), (200, 8_000_000))
        connection.close()

    def test_a_head_that_comes_byte_by_byte_is_one_request(self):
        with self.instance.open_tls() as connection:
            for byte in b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n":
                connection.sendall(bytes([byte]))
            self.assertIn(b"HTTP/1.1 200", connection.recv(4096))
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
            said = b""
            while said.count(b"HTTP/1.1 200") < 2:
                said += connection.recv(4096)

    def test_an_end_is_said_and_not_only_made(self):
        for line in (b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n",
                     b"NONSENSE\r\n\r\n"):
            with self.instance.open_tls() as connection:
                connection.sendall(line)
                said = b""
                while piece := connection.recv(4096):       # an end without close_notify would raise
                    said += piece
                self.assertIn(b"HTTP/1.1 4" if line.startswith(b"NON") else b"200", said)

    def test_a_request_that_is_cut_off_is_never_carried_out(self):
        def jobs():
            return len(self.instance.request("GET", "/v1/jobs?command=hello&limit=200").json()["items"])
        before = jobs()
        for is_orderly in (True, False):
            connection = self.instance.open_tls()
            connection.sendall(b"POST /v1/commands/hello/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                               self.instance.token.encode() +
                               b"\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{}")
            if is_orderly:
                with contextlib.suppress(OSError):
                    connection.unwrap()
            connection.close()
        self.assertEqual(self.instance.request("GET", "/readyz").status, 200)
        self.assertEqual(jobs(), before)

    def test_fifty_shake_hands_at_once(self):
        context = self.instance.trust()

        def ask(_):
            answer, _ = self.instance.request_tls("GET", "/readyz", context=context)
            return answer.status
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            self.assertEqual(list(pool.map(ask, range(50))), [200] * 50)

    # --- who says nothing, or something else ---

    def test_plain_http_on_the_port_of_tls_ends_without_an_answer(self):
        for greeting in (b"GET /v1/commands HTTP/1.1\r\nHost: localhost\r\n\r\n", b"X" * 40_000, b"\x16\x03\x01\xff\xff"):
            with socket.create_connection(("127.0.0.1", self.instance.tls_port), 30) as connection:
                connection.sendall(greeting)
                said = b""
                while piece := connection.recv(4096):       # a reset would raise
                    said += piece
                self.assertNotIn(b"HTTP", said)
        self.assertEqual(self.curl().returncode, 0)

    def test_who_connects_and_does_not_shake_hands_is_cut_off(self):
        silent = socket.create_connection(("127.0.0.1", self.instance.tls_port), SILENT_SECONDS + SLACK_SECONDS)
        begun = socket.create_connection(("127.0.0.1", self.instance.tls_port), SILENT_SECONDS + SLACK_SECONDS)
        begun.sendall(b"\x16\x03\x01\x02\x00\x01")          # a hello that does not go on
        plain = socket.create_connection(("127.0.0.1", self.instance.port), SILENT_SECONDS + SLACK_SECONDS)
        before = time.monotonic()
        for connection in (silent, begun, plain):
            with connection:
                self.assertEqual(connection.recv(1), b"")
        self.assertGreater(time.monotonic() - before, SILENT_SECONDS / 2)

    # --- the key ---

    def test_the_key_is_in_no_log_and_no_descriptor_of_the_front(self):
        front = self.instance.part("front")
        self.curl()
        names = [os.readlink(f"/proc/{front.pid}/fd/{fd}") for fd in front.descriptors()]
        self.assertFalse([name for name in names if "memfd" in name or ".pem" in name], names)
        with open(self.certificates.path("good.key"), encoding="ascii") as file:
            lines = [line for line in file.read().splitlines() if "-----" not in line]
        log = self.instance.log()
        for line in lines:
            self.assertNotIn(line[:16], log)
        self.assertNotIn("PRIVATE", log)


class Reload(TlsCase):
    """Each test has an instance of its own."""

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{harness.BIN}/sallyportd is not built")

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.instance = TlsInstance(self.certificates).start()

    def tearDown(self):
        self.instance.stop()

    def test_a_new_certificate_is_taken_while_a_stream_goes_on_over_the_old_one(self):
        self.assertEqual(self.instance.served(), self.instance.expected("good"))
        connection = self.instance.connect_tls()
        connection.request("POST", "/v1/commands/count/jobs", body=b"{}", headers={
            "Authorization": f"Bearer {self.instance.token}", "Content-Type": "application/json",
            "Accept": "application/x-ndjson"})
        stream = Stream(connection, connection.getresponse())
        records = iter(stream)
        self.assertEqual(next(record for record in records if record["type"] == "output")["d"], "1\n")
        self.instance.use("of-other-ca")
        self.assertIn("was reloaded", self.reload())
        self.assertTrue(wait_until(lambda: self.instance.served() == self.instance.expected("of-other-ca"), 10))
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.instance.request_tls("GET", "/readyz")
        answer, _ = self.instance.request_tls("GET", "/readyz", context=self.instance.trust("other-ca"))
        self.assertEqual(answer.status, 200)
        self.assertEqual(connection.sock.getpeercert(True), self.instance.expected("good"))
        response = self.instance.request("POST", f"/v1/jobs/{stream.headers['Sallyport-Job']}/stdin?eof=1", b"go\n",
                                         {"Content-Type": "application/octet-stream"})
        self.assertLess(response.status, 300, response)
        said = "".join(record["d"] for record in records if record["type"] == "output")
        self.assertEqual(said, "2\n")
        stream.close()
        self.assertTrue(self.instance.log_lines("new connections over TLS get the certificate of CN=receiver"))

    def expect_refused(self, *whys):
        line = self.reload()
        self.assertIn("was not reloaded and the old one stays", line)
        for why in whys:
            self.assertIn(why, line)
        self.assertEqual(self.instance.served(), self.instance.expected("good"))

    def test_what_cannot_be_served_is_refused_and_the_old_certificate_stays(self):
        self.instance.use("self-signed", key="good")
        self.expect_refused("server.tls.key", "is not the key of the first certificate")
        self.instance.use("good")
        os.chmod(self.instance.tls_key_path, 0o640)
        self.expect_refused("is a secret that others can read: chmod 600")
        self.instance.write_private(self.instance.cert_path, "no certificate\n")
        os.chmod(self.instance.tls_key_path, 0o600)
        self.expect_refused("server.tls.cert", "has no certificate: a PEM file is wanted")
        os.remove(self.instance.cert_path)
        self.expect_refused(self.instance.cert_path, "No such file")
        os.symlink(self.certificates.path("good.pem"), self.instance.cert_path)
        self.expect_refused("symbolic link")
        os.remove(self.instance.cert_path)
        self.instance.use("good")
        self.assertIn("was reloaded", self.reload())

    def test_one_that_has_expired_is_served_and_warned_of(self):
        self.instance.use("expired")
        self.assertIn("was reloaded", self.reload())
        self.assertTrue(wait_until(lambda: self.instance.served() == self.instance.expected("expired"), 10))
        answer = self.instance.request("POST", "/v1/config/reload")
        self.assertIn("expired on", " ".join(answer.json()["warnings"]))

    def test_listeners_that_stay_go_on_when_tls_is_taken_out(self):
        del self.instance.config["server"]["tls"]
        self.instance.write_config()
        self.assertIn("was reloaded", self.reload())
        self.assertTrue(self.instance.log_lines("server.tls is gone; the old listeners stay until a restart"))
        self.assertEqual(self.instance.served(), self.instance.expected("good"))

    def test_a_front_that_died_is_followed_by_one_with_tls(self):
        victim = self.instance.part("front")
        os.kill(victim.pid, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not victim.is_alive(), 5))

        def serves():
            with contextlib.suppress(OSError):
                return self.instance.served() == self.instance.expected("good")
            return False
        self.assertTrue(wait_until(serves, 20), self.instance.log())


class ClientCertificates(TlsCase):
    """Callers that show a certificate. It is what names them, and nothing else is."""

    @classmethod
    def setUpClass(cls):
        for name, names in (("builder", "email:ops@example.org,DNS:ci.example"), ("stranger", "DNS:stranger.example"),
                            ("server-only", "DNS:ci.example\nextendedKeyUsage=serverAuth"),
                            ("both", "DNS:ci.example,URI:spiffe://example/watcher")):
            cls.certificates.make(name, "ca", names)
        cls.certificates.make("of-others", "other-ca", "DNS:ci.example")
        cls.certificates.make("too-old", "ca", "DNS:ci.example", days=-1)
        cls.options = {"client_ca": "ca", "peers": {
            "builder": {"cert": "dns:ci.example", "allow": ["run:hello", "read:own"]},
            "watcher": {"cert": "uri:spiffe://example/watcher", "allow": ["read:all"]}}}
        super().setUpClass()

    def ask(self, client, path="/v1/whoami", body=None, headers=None, connection=None):
        """Without a token, unless the headers have one."""
        connection = connection or self.instance.connect_tls(self.instance.trust(client=client))
        self.addCleanup(connection.close)
        connection.request("POST" if body else "GET", path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def test_a_certificate_names_its_caller_and_records_say_so(self):
        status, who = self.ask("builder")
        self.assertEqual((status, who["id"], who["via"]), (200, "builder", "certificate"), who)
        status, job = self.ask("builder", "/v1/commands/hello/jobs", b"{}",
                               {"Content-Type": "application/json", "Prefer": "wait=30"})
        self.assertEqual((status, job["state"]), (200, "succeeded"), job)
        self.assertEqual((job["actor"]["id"], job["actor"]["via"]), ("builder", "certificate"))
        status, _ = self.ask("builder", "/v1/commands/much/jobs", b"{}", {"Content-Type": "application/json"})
        self.assertEqual(status, 404)
        done = self.curl("--cert", self.certificates.path("builder.pem"), "--key", self.certificates.path("builder.key"),
                         path="/v1/whoami", token=False)
        self.assertIn('"builder"', done.stdout)

    def test_who_shows_none_is_known_by_a_token_or_not_at_all(self):
        self.assertEqual(self.ask(None)[0], 401)
        status, who = self.ask(None, headers={"Authorization": f"Bearer {self.instance.token}"})
        self.assertEqual((status, who["via"]), (200, "token"))

    def test_a_token_that_is_shown_counts_alone(self):
        status, who = self.ask("builder", headers={"Authorization": f"Bearer {self.instance.token}"})
        self.assertEqual((status, who["id"]), (200, "tester"))
        for wrong in ("Bearer " + harness.new_token(), "Basic eDp5", "Bearer"):
            self.assertEqual(self.ask("builder", headers={"Authorization": wrong})[0], 401, wrong)

    def test_names_that_are_not_listed_or_of_two_callers_are_nobody_s(self):
        for client in ("stranger", "both"):
            self.assertEqual(self.ask(client)[0], 401, client)

    def test_one_that_does_not_verify_ends_the_handshake(self):
        for client, why in (("of-others", "unknown ca"), ("too-old", "expired"), ("self-signed", "unknown ca"),
                            ("server-only", "unsupported certificate")):
            said = self.s_client("-cert", self.certificates.path(f"{client}.pem"), "-key", self.certificates.path(f"{client}.key"),
                                 "-ign_eof", given=b"GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.assertIn(why, said, client)
            self.assertNotIn("HTTP/1.1", said, client)

    def test_what_is_withdrawn_holds_for_the_next_request_of_a_connection_that_stands(self):
        with TlsInstance(self.certificates, **self.options) as instance:
            connection = instance.connect_tls(instance.trust(client="builder"))
            self.assertEqual(self.ask(None, connection=connection)[0], 200)
            instance.use_client_ca("other-ca")
            self.assertEqual(instance.request("POST", "/v1/config/reload").status, 200)
            self.assertEqual(self.ask(None, connection=connection)[0], 401)
            instance.use_client_ca("ca")
            self.assertEqual(instance.request("POST", "/v1/config/reload").status, 200)
            self.assertEqual(self.ask(None, connection=connection)[0], 200)
            del instance.config["peers"]["builder"]
            instance.write_config()
            self.assertEqual(instance.request("POST", "/v1/config/reload").status, 200)
            self.assertEqual(self.ask(None, connection=connection)[0], 401)


class Start(unittest.TestCase):
    """What the files must be before anything is served."""

    def setUp(self):
        harness.needs_program(self, "sallyportd")
        self.instance = TlsInstance(TlsCase.certificates)

    def tearDown(self):
        shutil.rmtree(self.instance.directory, ignore_errors=True)

    def check(self):
        self.instance.write_config()
        return self.instance.cli("config", "check", self.instance.config_path, text=True)

    def test_the_check_and_the_start_say_the_same(self):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.instance.use("good", key="self-signed")
        done = self.check()
        self.assertNotEqual(done.returncode, 0)
        why = "key.pem is not the key of the first certificate"
        self.assertIn(why, done.stderr + done.stdout)
        started = subprocess.run(self.instance.command_line(), capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(started.returncode, 78)
        self.assertIn(why, started.stderr)

    def doctor(self):
        done = self.instance.cli("doctor", "-o", "json", "--state", self.instance.state, "--config", self.instance.config_path)
        return {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}

    def test_doctor_says_when_the_certificate_expires(self):
        self.instance.write_config()
        finding = self.doctor()["certificate"]
        self.assertEqual(finding["verdict"], "warn")                # two days are near
        self.assertIn("expires on", finding["text"])
        self.instance.use("expired")
        self.assertIn("expired on", self.doctor()["certificate"]["text"])

    def test_files_that_others_can_change_or_a_key_that_they_can_read_serve_nobody(self):
        for path, mode, why in ((self.instance.cert_path, 0o666, "can be changed by others"),
                                (self.instance.tls_key_path, 0o620, "can be changed by others"),
                                (self.instance.tls_key_path, 0o644, "is a secret that others can read")):
            os.chmod(path, mode)
            self.assertIn(why, self.check().stdout + self.check().stderr)       # a warning: the draft may be somebody else's
            started = subprocess.run(self.instance.command_line(), capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(started.returncode, 78)
            self.assertIn(why, started.stderr)
            os.chmod(path, 0o600)


class Rootless(unittest.TestCase):
    def test_an_ordinary_user_s_instance_serves_tls_too(self):
        harness.needs_program(self, "sallyportd")
        user = harness.ordinary_user() if os.geteuid() == 0 else None
        with TlsInstance(TlsCase.certificates, user=user) as instance:
            answer, _ = instance.request_tls("GET", "/v1/commands")
            self.assertEqual(answer.status, 200)


if __name__ == "__main__":
    unittest.main()
