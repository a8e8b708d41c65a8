"""What the tests of predecessors' clients share: an instance that takes the place of one, below a path and on a listener of
its own, where whoever comes without a token is the caller `old-clients`."""

import http.client
import json
import os
import signal
import socket
import unittest

import harness
from harness import Instance, Response, free_port, wait_until

ALLOW = ["run:*", "read:own", "cancel:own"]


class PredecessorCase(unittest.TestCase):
    """`name`: of the predecessor; `words`: what its clients say, and the command that is meant; `commands`: ours; `options`: of
    the instance."""

    name, words, commands, keys, routes, options, allow = None, {}, {}, {}, [], {}, ALLOW
    prefix = "/old"
    instance = None

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(harness.BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest("sallyportd is not built")
        cls.instance = Instance(cls.commands, **cls.options)
        cls.port = free_port()
        cls.instance.config["predecessors"] = {
            cls.name: {"prefix": cls.prefix, "listen": f"127.0.0.1:{cls.port}", "commands": cls.words, **cls.keys}}
        cls.instance.config["peers"] = {"old-clients": {"predecessor": cls.name, "allow": cls.allow}}
        cls.instance.config["tokens"]["poor"] = {"hash": harness.token_hash("poor" * 10), "allow": ["read:own"]}
        cls.instance.__enter__()

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()

    def ask(self, method, path, body=None, headers=None, token=None, timeout=30):
        """One request on its own listener, as its clients send them: curl -d says that all is a form."""
        headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        if body is not None:
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            body = body if isinstance(body, bytes) else body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def jobs(self):
        return self.instance.request("GET", "/v1/jobs?limit=200").json()["items"]

    def kill_keeper(self):
        """Returns when there is another, and the front has it."""
        killed = self.instance.part("keeper")
        os.kill(killed.pid, signal.SIGKILL)
        self.ended(lambda: any(process.name() == "keeper" and process != killed for process in self.instance.processes()))
        self.ended(lambda: self.instance.request("GET", "/v1/whoami").status == 200)

    def ended(self, ask, seconds=30):
        """What `ask` answers once it answers with something."""
        answer = wait_until(ask, seconds, 0.02)
        self.assertTrue(answer, "it has not ended")
        return answer


class SharedTests:
    """For a PredecessorCase: what holds for all of them."""

    def test_nobody_without_a_token_gets_an_answer_on_any_route_below_its_path(self):
        for method, path in self.routes:
            with self.subTest(method=method, path=path):
                body = b"{" if method == "POST" else None
                for token in (None, "x" * 40):
                    answer = self.instance.request(method, self.prefix + path, body, token=token)
                    self.assertEqual(answer.status, 401)
                    if method != "HEAD":    # nobody learns from it what is mounted where
                        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
                        self.assertEqual(answer.json()["code"], "unauthenticated")

    def test_a_wrong_token_is_nobody_on_its_own_listener_either(self):
        for method, path in self.routes:
            with self.subTest(method=method, path=path):
                self.assertEqual(self.ask(method, path, "{" if method == "POST" else None, token="y" * 40).status, 401)

    def test_a_page_of_another_site_starts_nothing(self):
        before = len(self.jobs())
        for origin in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}):
            for method, path in self.routes:
                if method in ("GET", "HEAD") and "Host" not in origin:
                    continue    # reading acts on nothing, and no page can read the answer
                with self.subTest(method=method, path=path, **origin):
                    body = "{}" if method == "POST" else None
                    self.assertEqual(self.ask(method, path, body, headers=origin).status, 421 if "Host" in origin else 403)
        self.assertEqual(len(self.jobs()), before)

    def test_the_api_is_not_served_on_its_listener(self):
        for path in ("/v1/jobs", "/v1/whoami", "/metrics", "/healthz", "/v1/commands"):
            with self.subTest(path=path):
                self.assertIn(self.ask("GET", path).status, (404, 501))


# A job that tells what it is and sees: its uid, its environment's names, its directory, how many processes there are, whether
# it can signal the process and reach the port of its arguments.
LOOK = """
import json, os, socket, sys
seen = [os.getuid(), sorted(os.environ), os.getcwd(), len([name for name in os.listdir('/proc') if name.isdigit()])]
try:
    os.kill(int(sys.argv[1]), 0)
    seen.append('signalled')
except OSError as error:
    seen.append(error.strerror)
try:
    with socket.socket() as other:
        other.settimeout(5)
        other.connect(('127.0.0.1', int(sys.argv[2])))
    seen.append('reached')
except OSError as error:
    seen.append('not reached')
print(json.dumps(seen))
"""
SECRET_NAME = "SECRET_OF_THE_SERVICE"
SECRET_ENVIRONMENT = {SECRET_NAME: "never to be seen"}


class HoleTests(PredecessorCase):
    """What holes of predecessors have in common, and how it is shown that they are closed."""

    def assert_nobody_gets_in(self, method, path, body):
        """Neither without a token, nor from another site, nor by a name that was made to lead here, nor from elsewhere."""
        before = len(self.jobs())
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self.assertEqual(self.instance.request(method, self.prefix + path, body.encode(), headers=headers, token=None).status, 401)
        self.assertEqual(self.ask(method, path, body, token="z" * 40).status, 401)
        for more, status in (({"Origin": "https://evil.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Host": "evil.example"}, 421)):
            self.assertEqual(self.ask(method, path, body, headers=more).status, status, more)
        with socket.socket() as other, self.assertRaises(ConnectionRefusedError):
            other.connect(("127.0.0.2", self.port))     # an address of this host that nobody listed
        self.assertEqual(len(self.jobs()), before)

    def assert_confined(self, text):
        uid, names, directory, processes, signal, network = json.loads(text)
        service = self.instance.process.pid
        self.assertNotIn(uid, {0, os.stat(f"/proc/{service}").st_uid, self.instance.part("front").uid(), self.instance.part("keeper").uid()})
        self.assertNotIn(SECRET_NAME, names)
        self.assertNotEqual(directory, "/", "where the service is")
        self.assertLess(processes, 4)
        self.assertNotEqual(signal, "signalled")
        self.assertEqual(network, "not reached")

    def assert_bodies_are_bounded(self, method, path):
        self.assertEqual(self.ask(method, path, b"x" * (256 * 1024 + 1)).status, 413)

    def zombies(self):
        return [process for process in self.instance.processes() if process.is_zombie()]
