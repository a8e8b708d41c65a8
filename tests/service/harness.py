"""A real sallyportd for a test: started, asked over HTTP, stopped, and looked at from outside.

    with Instance({"hello": {"exec": ["/usr/bin/echo", "hello"]}}) as instance:
        outcome = instance.run("hello")
        assert outcome.stdout == b"hello\\n"

An instance has a directory, a configuration, a token and a port of its own, so that any number may run beside each other.
stop() checks that nothing is left: no process, no mount, no cgroup. Only processes that a test started are ever signalled.

Environment:
    SALLYPORT_BIN               where the programs are (default: build/dev/bin of this checkout)
    SALLYPORT_TEST_DIR          where instances live (default: /var/lib/sallyport-tests, or ~/.cache/... for ordinary users)
    SALLYPORT_TESTS_MUST_RUN    1: what would be skipped fails instead
    SALLYPORT_TEST_SLOWNESS     so many times longer may a start and a stop take (1); an emulated machine needs it
"""

import atexit
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import unittest

# Tests take these from here too.
from answers import Outcome, Refused, Response, Stream, output_bytes
from host import (BARE_UID, Process, as_user, cgroups_of, free_port, make_directory, mounts_with, ordinary_user, process_tree,
                  processes_named, wait_until)

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("SALLYPORT_BIN") or os.path.join(SOURCE, "build", "dev", "bin")
PROBE = os.environ.get("SALLYPORT_PROBE") or os.path.join(os.path.dirname(os.path.normpath(BIN)), "tests", "escape-probe")

SLOWNESS = int(os.environ.get("SALLYPORT_TEST_SLOWNESS", "1"))
START_SECONDS = 20 * SLOWNESS       # sanitizers on a loaded machine
STOP_SECONDS = 40 * SLOWNESS        # above the default shutdown_grace


def skip(test, reason):
    """Skips, or fails where nothing may be skipped. A test without its privilege says which it needs."""
    if os.environ.get("SALLYPORT_TESTS_MUST_RUN") == "1":
        test.fail("must run, but " + reason)
    test.skipTest(reason)


def needs_root(test):
    if os.geteuid() != 0:
        skip(test, "needs root")


def needs_program(test, name):
    path = os.path.join(BIN, name)
    if not os.access(path, os.X_OK):
        skip(test, f"{path} is not built")
    return path


# --- configuration ---------------------------------------------------------------------------------------------------


def yaml_text(value, indent=0):
    """Our subset of YAML: maps as blocks, lists of maps as JSON, every scalar a double-quoted text, a plain number or a
    boolean."""
    pad = "  " * indent
    if isinstance(value, dict):
        if not value:
            return " {}\n"
        return "\n" + "".join(f"{pad}{json.dumps(str(key))}:{yaml_text(item, indent + 1)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        if not value:
            return " []\n"
        if all(not isinstance(item, (dict, list, tuple)) for item in value):
            return " [" + ", ".join(yaml_scalar(item) for item in value) + "]\n"
        return " " + json.dumps(value, ensure_ascii=False) + "\n"
    return " " + yaml_scalar(value) + "\n"


def yaml_scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


_degrade = {}


def needed_degrade(user=None):
    """What this host lacks, as `sallyport doctor --degrade` says it."""
    if user not in _degrade:
        done = subprocess.run([*as_user(user), os.path.join(BIN, "sallyport"), "doctor", "--degrade"],
                              capture_output=True, text=True, timeout=60, check=False)
        names = done.stdout.strip().strip("[]").replace(",", " ").split()
        if done.returncode not in (0, 1) or done.stdout.strip() == "" and done.stderr:
            raise RuntimeError(f"sallyport doctor --degrade: {done.stderr or done.returncode}")
        _degrade[user] = names
    return _degrade[user]


# --- the instance ----------------------------------------------------------------------------------------------------------


class Instance:
    """A sallyportd of its own. `user`: an account to start it as, for rootless mode. `callbacks` get a secret, which is in
    `callback_key`, unless they have one."""

    def __init__(self, commands, *, tokens=None, defaults=None, server=None, slots=None, callbacks=None, user=None,
                 degrade="needed", environment=None, preexec=None, bin_directory=None, arguments=()):
        self.user = user
        self.bin = bin_directory or BIN
        self.directory = make_directory("instance", user)
        self.state = os.path.join(self.directory, "state")
        self.config_path = os.path.join(self.directory, "sallyport.yaml")
        self.log_path = os.path.join(self.directory, "log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket_path = os.path.join(self.directory, "api.sock")
        self.token = new_token()
        self.callback_key, self.key_path = secrets.token_hex(32), os.path.join(self.directory, "key")
        self.environment, self.preexec, self.arguments = environment, preexec, list(arguments)
        self.process = None
        self.seen = set()
        self.config = {
            "server": {"listen": [f"127.0.0.1:{self.port}"], **(server or {})},
            # Ids by the port, which is ours alone: what attacks all processes of a job's uid meets no other instance.
            "slots": {"count": 4, "first_uid": 1_200_000_000 + self.port * 256, **(slots or {})},
            "defaults": {"timeout": "20s", "grace": "1s", **(defaults or {})},
            "tokens": {"tester": {"hash": token_hash(self.token), "allow": ["admin"]}, **(tokens or {})},
            "commands": commands,
        }
        if callbacks is not None:
            self.set_callbacks(callbacks)
        if degrade == "needed":
            self.config["defaults"].setdefault("degrade", needed_degrade(user))

    def write_private(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        if self.user is not None:
            account = pwd.getpwnam(self.user)
            os.chown(path, account.pw_uid, account.pw_gid)

    def write_config(self, text=None):
        self.write_private(self.config_path, text if text is not None else yaml_text(self.config).lstrip("\n"))

    def set_callbacks(self, callbacks):
        self.write_private(self.key_path, self.callback_key + "\n")
        self.config["callbacks"] = {name: {"secret": f"file:{self.key_path}", **keys} for name, keys in callbacks.items()}

    def command_line(self):
        return [*as_user(self.user), os.path.join(self.bin, "sallyportd"), "--config", self.config_path, "--state", self.state,
                "--foreground", *self.arguments]

    def start(self, wait=True):
        self.write_config()
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
        for name, value in os.environ.items():
            if name.startswith(("ASAN_", "UBSAN_", "LSAN_")):
                environment[name] = value
        environment.update(self.environment or {})
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command_line(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment, cwd="/", preexec_fn=self.preexec)
        if wait:
            self.wait_ready()
        return self

    def is_ready(self):
        try:
            return self.request("GET", "/readyz", token=None, timeout=2).status == 200
        except OSError:
            return False

    def wait_ready(self):
        def is_there():
            if self.process.poll() is not None:
                raise RuntimeError(f"sallyportd ended with {self.process.returncode} at its start:\n{self.log()}")
            return self.is_ready()
        if not wait_until(is_there, START_SECONDS, 0.05):
            log = self.log()
            self.kill()
            raise RuntimeError(f"sallyportd was not ready within {START_SECONDS} s:\n{log}")
        self.processes()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.kill()
            return
        self.stop()

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as file:
                return file.read()[-20000:]
        except OSError:
            return ""

    def processes(self):
        """All of ours, the bootstrap first; remembered, so that stop() can ask for each of them."""
        tree = process_tree(self.process.pid)
        self.seen.update(tree)
        return tree

    def part(self, name):
        """The process of this name: front, keeper, launcher."""
        found = [process for process in self.processes() if process.name() == name]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} processes are named {name}: {self.processes()}")
        return found[0]

    def reload(self):
        self.write_config()
        os.kill(self.process.pid, signal.SIGHUP)

    def stop(self, expected_status=0):
        """An orderly stop; raises unless it ends as it should and leaves nothing."""
        if self.process is None:
            return
        self.processes()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log = self.log()
            self.kill()
            raise AssertionError(f"sallyportd was still there {STOP_SECONDS} s after SIGTERM:\n{log}") from None
        log = self.log()
        left = wait_until(lambda: not self.leftovers(), 2) or self.leftovers()
        self.clean()
        if left is not True:
            raise AssertionError(f"left behind after the stop: {left}\n{log}")
        if status != expected_status:
            raise AssertionError(f"sallyportd ended with {status}:\n{log}")
        if "ERROR: AddressSanitizer" in log or "runtime error:" in log or "ERROR: LeakSanitizer" in log:
            raise AssertionError(f"a sanitizer spoke:\n{log}")

    def leftovers(self):
        return [*(process for process in self.seen if process.is_alive()), *mounts_with(self.directory), *cgroups_of(self.state)]

    def kill(self):
        """For a test that failed already: everything that we started, at once."""
        if self.process is not None:
            self.processes()
            for process in self.seen:
                if process.is_alive():
                    with contextlib.suppress(OSError):
                        os.kill(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
            self.remove_groups()
        self.clean()

    def remove_groups(self):
        """The control groups of an instance that was killed, from the leaves on: nobody else will know whose they were."""
        def is_removed(path):
            with contextlib.suppress(OSError):
                os.rmdir(path)
            return not os.path.isdir(path)
        for path in sorted(cgroups_of(self.state), key=len, reverse=True):
            wait_until(lambda path=path: is_removed(path), 2)

    def clean(self):
        self.process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- asking ---

    def connect(self, timeout=30):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def _headers(self, headers, token):
        token = self.token if token == "ours" else token
        return {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}

    def request(self, method, path, body=None, headers=None, token="ours", timeout=30):
        """One request. A body that is not bytes is sent as JSON. token: a text, None for none."""
        headers = self._headers(headers, token)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Response(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def stream(self, method, path, body=None, headers=None, token="ours", timeout=60):
        """The same for an answer that arrives bit by bit, as NDJSON."""
        headers = {"Accept": "application/x-ndjson", **self._headers(headers, token)}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        connection = self.connect(timeout)
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            answer = Response(response.status, dict(response.getheaders()), response.read())
            connection.close()
            raise Refused(answer)
        return Stream(connection, response)

    def submit(self, command, params=None, **more):
        """Starts a job and returns it as it is then."""
        response = self.request("POST", f"/v1/commands/{command}/jobs", {"params": params or {}, **more})
        if response.status != 202:
            raise Refused(response)
        return response.json()

    def job(self, job_id):
        return self.request("GET", f"/v1/jobs/{job_id}").json()

    def wait(self, job_id, seconds=60):
        """The job once it has ended."""
        ended = wait_until(lambda: (lambda job: job if job["end"] else None)(self.job(job_id)), seconds, 0.05)
        if ended is None:
            raise AssertionError(f"job {job_id} has not ended after {seconds} s: {self.job(job_id)}")
        return ended

    def run(self, command, params=None, timeout=60, **more):
        """Runs a job to its end through the stream that a client sees. Raises Refused when there is no job."""
        stream = self.stream("POST", f"/v1/commands/{command}/jobs", {"params": params or {}, **more}, timeout=timeout)
        said, records = {"out": b"", "err": b""}, []
        try:
            for record in stream:
                records.append(record)
                if record["type"] == "output":
                    said[record["s"]] += output_bytes(record)
        finally:
            stream.close()
        job_id = stream.headers.get("Sallyport-Job") or next(record["id"] for record in records if "id" in record)
        return Outcome(self.wait(job_id, 10), said["out"], said["err"], records)

    # --- the CLI ---

    def cli_environment(self):
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.directory, "LANG": "C.UTF-8",
                "SALLYPORT_URL": self.url, "SALLYPORT_TOKEN": self.token}

    def cli(self, *arguments, **more):
        """`sallyport ARGUMENTS` against this instance."""
        return subprocess.run([os.path.join(self.bin, "sallyport"), *arguments], env=self.cli_environment(), check=False,
                              **{"capture_output": True, "timeout": 120, "stdin": subprocess.DEVNULL, **more})


def new_token():
    """A token as `sallyport token create` makes them: 256 random bits."""
    return "sp_" + base64.b32encode(secrets.token_bytes(32)).decode().lower().rstrip("=")


def token_hash(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


class ServiceTest(unittest.TestCase):
    """Tests that share one instance: `commands` (and `options` for Instance) are the class's."""

    commands = {}
    options = {}
    instance = None

    @classmethod
    def setUpClass(cls):
        if not os.access(os.path.join(BIN, "sallyportd"), os.X_OK):
            raise unittest.SkipTest(f"{BIN}/sallyportd is not built")
        cls.instance = Instance(cls.make_commands(), **cls.make_options())
        cls.instance.__enter__()

    @classmethod
    def make_commands(cls):
        return cls.commands

    @classmethod
    def make_options(cls):
        return cls.options

    @classmethod
    def tearDownClass(cls):
        if cls.instance is not None:
            cls.instance.stop()


def probe_directory(user=None):
    """A directory with the probe in it that every job may see; removed when the tests end."""
    directory = make_directory("probe", user)
    atexit.register(shutil.rmtree, directory, True)
    target = os.path.join(directory, "escape-probe")
    shutil.copy(PROBE, target)
    os.chmod(target, 0o755)
    return directory


def probe_command(directory, *arguments, **more):
    """A command that runs the probe with these arguments and then those of the request."""
    sandbox = {"read": [directory], **more.pop("sandbox", {})}
    return {
        "exec": [os.path.join(directory, "escape-probe"), *arguments, "{args...}"],
        "params": {"args": {"type": "list", "of": {"type": "string", "allow_dash": True}, "default": []}},
        "sandbox": sandbox, **more,
    }
