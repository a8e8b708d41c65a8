"""Who hears of the ends of jobs, and does not always answer; and whether all were told of, by nobody but the service."""

import base64
import collections
import hashlib
import hmac
import http.server
import json
import random
import threading

TOLD = ("succeeded", "failed", "timed_out", "cancelled", "lost")
UNANSWERED, REFUSED = 0.05, 0.1     # shares of the deliveries whose first attempt comes to nothing

Heard = collections.namedtuple("Heard", "id body is_signed is_answered")


class Receiver:
    """Keeps every request. The first attempt of some deliveries is answered with 503, or not at all."""

    def __init__(self, seed):
        self.key, self.heard, self.lock = None, [], threading.Lock()
        self.dice, self.known = random.Random(f"{seed} receiver"), set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.take(self)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/told"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        name = handler.headers["webhook-id"]
        signed = f"{name}.{handler.headers['webhook-timestamp']}.".encode() + body
        wanted = "v1," + base64.b64encode(hmac.new(self.key.encode(), signed, hashlib.sha256).digest()).decode()
        with self.lock:
            chance = 1 if name in self.known else self.dice.random()
            self.known.add(name)
            self.heard.append(Heard(name, body, wanted in handler.headers["webhook-signature"].split(" "), chance >= UNANSWERED + REFUSED))
        handler.close_connection = True
        if chance >= UNANSWERED:
            handler.send_response(204 if chance >= UNANSWERED + REFUSED else 503)
            handler.end_headers()


def check_callbacks(facts):
    """Each end was told, as the API tells it, under one name and with our signature, until it was heard."""
    by_job, by_id = collections.defaultdict(set), collections.defaultdict(list)
    for heard in facts.receiver.heard:
        by_id[heard.id].append(heard)
        by_job[json.loads(heard.body)["data"]["id"]].add(heard.id)
        if not heard.is_signed:
            yield f"callback {heard.id} came with a signature that is not ours"
    for name, attempts in by_id.items():
        if len({heard.body for heard in attempts}) > 1:
            yield f"callback {name} did not say the same each time"
        if not any(heard.is_answered for heard in attempts):
            yield f"callback {name} was given up after {len(attempts)} attempts"
    for job in facts.stored.values():
        names = by_job[job.id]
        if len(names) != (1 if job.state in TOLD else 0):
            yield f"job {job.id} ({job.kind}, {job.state}) was told of in {len(names)} callbacks"
        for name in names:
            body = json.loads(by_id[name][0].body)
            if (body["type"], body["data"]) != (f"job.{job.state}", job.job):
                yield f"callback {name} says {body['type']} of job {job.id}, which is {job.state}, or shows it as it is not"
    yield from (f"callback {name} tells of job {job_id}, which is not there"
                for job_id, names in by_job.items() for name in names if job_id not in facts.stored)
