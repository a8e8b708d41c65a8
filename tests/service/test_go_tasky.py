"""Clients of go-tasky (2015): workers, tasks, results, with its three sample workers, and who they are asked first."""

import json
import os
import re
import threading
import unittest

from predecessors import LOOK, SECRET_ENVIRONMENT, HoleTests, PredecessorCase, SharedTests

COPYFILE = "CopyFile will copy a file on the server. You must specify the Source and Destination"
SLEEPER = "Sleeps for a minute. This is to showcase long running tasks."
TEXT = "text/plain; charset=utf-8"
PATTERN = "[a-z]{1,20}"
UNKNOWN = "0" * 32


class Client(PredecessorCase):
    name = "go-tasky"
    words = {"says": "says", "forgotten": "forgotten", "copyfile": "copyfile", "sleeper": "sleeper", "object": "object", "reader": "reader", "fails": "fails", "silent": "silent",
             "large": "large"}
    commands = {
        "copyfile": {"exec": ["/usr/bin/printf", "Filed copied successfully. %s %s", "{source}", "{destination}"], "description": COPYFILE,
                     "params": {"source": {"type": "string", "pattern": PATTERN, "required": True},
                                "destination": {"type": "string", "pattern": PATTERN, "default": "there"}}},
        "sleeper": {"exec": ["/usr/bin/sleep", "60"], "description": SLEEPER, "timeout": "90s", "concurrency": {"limit": 1, "when_full": "reject"}},
        "object": {"exec": ["/usr/bin/printf", '{{"b": 1, "a": {{"d": [1], "c": null}}}}']},
        "reader": {"exec": ["/usr/bin/cat"], "stdin": "body"},
        "says": {"exec": ["/usr/bin/python3", "-c", "import os; os.write(2, bytes.fromhex(os.environ['TEXT'])); os._exit(3)"],
                 "params": {"text": {"type": "string", "pattern": "[0-9a-f]*", "max_length": 40000, "default": ""}}, "env": {"TEXT": "{text}"}},
        "forgotten": {"exec": ["/bin/sh", "-c", "echo why >&2; exit 3"], "retention": {"count": 0}},
        "fails": {"exec": ["/usr/bin/false"]},
        "silent": {"exec": ["/usr/bin/true"]},
        "large": {"exec": ["/usr/bin/python3", "-c", "print('x' * 3000000, end='')"]},
    }
    def create(self, worker, body=""):
        answer = self.ask("POST", "/tasky/v1/workers/" + worker, body if isinstance(body, (str, bytes)) else json.dumps(body))
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT), answer.body)
        self.assertRegex(answer.body.decode(), r'^\{"TaskId":"[0-9a-f]{32}"\}\n$')
        return answer.json()["TaskId"]

    def task(self, task_id):
        answer = self.ask("GET", f"/tasky/v1/tasks/{task_id}/status")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT))
        self.assertTrue(answer.body.endswith(b"}\n"))
        return answer.json()

    def until(self, task_id, *statuses):
        return self.ended(lambda: (lambda task: task if task["Status"] in statuses else None)(self.task(task_id)))

    def result(self, task_id):
        answer = self.ask("GET", f"/tasky/v1/tasks/{task_id}/result")
        self.assertEqual(answer.status, 200)
        return answer.body.decode()

    def cancel(self, task_id):
        return self.ask("POST", f"/tasky/v1/tasks/{task_id}/cancel", "")


class GoTasky(SharedTests, Client):
    routes = [("GET", "/tasky/v1/workers/"), ("POST", "/tasky/v1/workers/copyfile"), ("GET", "/tasky/v1/tasks/"),
              ("GET", f"/tasky/v1/tasks/{UNKNOWN}/status"), ("GET", f"/tasky/v1/tasks/{UNKNOWN}/result"),
              ("POST", f"/tasky/v1/tasks/{UNKNOWN}/cancel"), ("GET", "/tasky/v1/workers"), ("GET", "/"), ("DELETE", "/tasky/v1/tasks/")]

    def test_workers_are_listed_with_what_they_take(self):
        answer = self.ask("GET", "/tasky/v1/workers/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        workers = {worker["name"]: worker for worker in answer.json()}
        self.assertEqual(sorted(workers), sorted(self.words))
        self.assertEqual(workers["copyfile"], {"name": "copyfile", "description": COPYFILE,
                                               "config_objects": {"source": "", "destination": "there"}})
        self.assertEqual(workers["sleeper"], {"name": "sleeper", "description": SLEEPER})
        self.assertEqual(list(workers["copyfile"]), ["name", "description", "config_objects"])

    def test_a_task_runs_and_its_text_is_its_result(self):
        task_id = self.create("copyfile", {"source": "a", "destination": "b"})
        task = self.until(task_id, "Completed")
        self.assertEqual(list(task), ["TaskId", "Status", "Duration"])
        self.assertRegex(task["Duration"], re.compile(r"^([0-9.]+(\u00b5s|ms|s)|[0-9]+m[0-9.]+s)$"))
        self.assertEqual(self.result(task_id), '{"Output":{"string_output":"Filed copied successfully. a b"},"TaskId":"%s"}\n' % task_id)

    def test_an_object_is_a_result_of_its_own_with_its_members_sorted(self):
        task_id = self.create("object")
        self.until(task_id, "Completed")
        self.assertEqual(self.result(task_id), '{"Output":{"a":{"c":null,"d":[1]},"b":1},"TaskId":"%s"}\n' % task_id)

    def test_what_is_no_object_is_a_text(self):
        for text in ("[1]", '"x"', "7", "null", "{", '{"a":1} x'):
            task_id = self.create("reader", text)
            self.until(task_id, "Completed")
            self.assertEqual(self.result(task_id), '{"Output":{"string_output":%s},"TaskId":"%s"}\n' % (json.dumps(text), task_id))

    def test_a_worker_that_reads_gets_the_body_as_it_came(self):
        body = bytes(range(1, 127)) + "\u00e4".encode() + b'"\\'
        task_id = self.create("reader", body)
        self.until(task_id, "Completed")
        self.assertEqual(json.loads(self.result(task_id))["Output"]["string_output"], body.decode())

    def test_output_beyond_a_mebibyte_is_text(self):
        task_id = self.create("large")
        self.until(task_id, "Completed")
        self.assertEqual(json.loads(self.result(task_id)), {"Output": {"string_output": "x" * 3000000}, "TaskId": task_id})

    def test_results_that_are_none_are_empty(self):
        for worker, status in (("silent", "Completed"), ("fails", "Failed")):
            with self.subTest(worker=worker):
                task_id = self.create(worker)
                self.until(task_id, status)
                self.assertEqual(self.result(task_id), "")

    def test_why_a_task_failed_is_told(self):
        task = self.until(self.create("fails"), "Failed")
        self.assertEqual((task["Error"], task["Duration"]), ("exited with status 1", ""))

    def test_the_last_line_of_standard_error_is_a_part_of_why(self):
        for said, told in ((b"one\ntwo\n", ": two"), (b"no newline", ": no newline"), (b"last\n\n \n", ": last"), (b"", ""), (b"\n\n", ""),
                           (b"a\tb\x1b[31m\0c\n", ": a b [31m c"), ("\u00e4\u20ac".encode(), ": \u00e4\u20ac"), (b"\xff\xfe no text", ""),
                           (b"x" * 5000, ": " + "x" * 511), (("\u20ac" * 400).encode(), ": " + "\u20ac" * 170)):
            with self.subTest(said=said[:20]):
                task = self.until(self.create("says", {"text": said.hex()}), "Failed")
                self.assertEqual(task["Error"], "exited with status 3" + told)

    def test_why_a_task_failed_whose_output_is_not_kept_is_its_status_alone(self):
        task_id = self.create("forgotten")
        self.until(task_id, "Failed")
        job, = [job for job in self.jobs() if job["command"] == "forgotten"]
        self.ended(lambda: self.instance.request("GET", job["output"]["url"]).status == 410)
        self.assertEqual(self.task(task_id), {"TaskId": task_id, "Status": "Failed", "Duration": "", "Error": "exited with status 3"})

    def test_a_cancelled_task_is_over_and_one_more_than_may_run_is_refused(self):
        task_id = self.create("sleeper")
        self.until(task_id, "Running")
        self.assertEqual(self.result(task_id), "")
        full = self.ask("POST", "/tasky/v1/workers/sleeper", "")
        self.assertEqual((full.status, list(full.json())), (429, ["Error"]))
        answer = self.cancel(task_id)
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.until(task_id, "Canceled"), {"TaskId": task_id, "Status": "Canceled", "Duration": ""})
        self.assertEqual((self.cancel(task_id).status, self.result(task_id)), (200, ""))
        self.assertEqual([process for process in self.instance.processes() if "sleep" in str(process)], [])

    def test_tasks_are_listed(self):
        task_id = self.create("silent")
        self.until(task_id, "Completed")
        answer = self.ask("GET", "/tasky/v1/tasks/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT))
        tasks = answer.json()["Tasks"]
        self.assertIn(task_id, [task["TaskId"] for task in tasks])
        self.assertEqual(len({task["TaskId"] for task in tasks}), len(tasks))

    def test_what_is_not_there_says_so_with_404(self):
        for method, path, text in (("POST", "/tasky/v1/workers/nobody", '{"Error":"Could not found worker with given name"}\n'),
                                   ("POST", "/tasky/v1/workers/CopyFile", '{"Error":"Could not found worker with given name"}\n'),
                                   ("GET", f"/tasky/v1/tasks/{UNKNOWN}/status", '{"Error":"Could not found a task with given id"}\n'),
                                   ("GET", "/tasky/v1/tasks/ab/result", '{"Error":"Could not found a task with given id"}\n'),
                                   ("POST", f"/tasky/v1/tasks/{UNKNOWN}/cancel", '{"Error":"Could not found a task with given id"}\n'),
                                   ("GET", "/tasky/v1/tasks/XYZ/status", "404 page not found\n"), ("GET", "/", "404 page not found\n"),
                                   ("PUT", "/tasky/v1/tasks/", "404 page not found\n"), ("GET", "/tasky/v1/workers/copyfile", "404 page not found\n"),
                                   ("GET", "/tasky/v1/tasks/XYZ/status/", "404 page not found\n"), ("POST", "/tasky/v1/tasks", "404 page not found\n"),
                                   ("POST", "/tasky/v1/workers", "404 page not found\n"), ("GET", "/tasky/v1/workers/copyfile/", "404 page not found\n")):
            with self.subTest(method=method, path=path):
                answer = self.ask(method, path, "" if method == "POST" else None)
                self.assertEqual((answer.status, answer.body.decode(), answer.headers["Content-Type"]), (404, text, TEXT))

    def test_a_slash_too_many_or_too_few_is_redirected(self):
        for path, location in (("/tasky/v1/workers", "/tasky/v1/workers/"), ("/tasky/v1/tasks", "/tasky/v1/tasks/"),
                               (f"/tasky/v1/tasks/{UNKNOWN}/status/", f"/tasky/v1/tasks/{UNKNOWN}/status")):
            with self.subTest(path=path):
                answer = self.ask("GET", path)
                self.assertEqual((answer.status, answer.headers["Location"]), (301, location))
        for path in ("/tasky/v1/workers/silent", f"/tasky/v1/tasks/{UNKNOWN}/cancel"):
            answer = self.ask("POST", path + "/", "")
            self.assertEqual((answer.status, answer.headers["Location"]), (301, path))
        self.assertEqual(self.instance.request("GET", "/old/tasky/v1/tasks").headers["Location"], "/old/tasky/v1/tasks/")
        self.assertEqual(self.ask("HEAD", "/tasky/v1/tasks/").status, 404)

    def test_nothing_to_list_is_null_and_no_worker_is_204(self):
        answer = self.instance.request("GET", "/old/tasky/v1/tasks/", token="poor" * 10)
        self.assertEqual((answer.status, answer.body), (200, b'{"Tasks":null}\n'))
        answer = self.instance.request("GET", "/old/tasky/v1/workers/", token="poor" * 10)
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_bodies_that_a_worker_cannot_take_start_nothing(self):
        before = len(self.jobs())
        for body in ("{", "[]", '"x"', '{"source": "../etc/passwd"}', '{"source": "a", "more": 1}', "{}", '{"source": 7}'):
            with self.subTest(body=body):
                answer = self.ask("POST", "/tasky/v1/workers/copyfile", body)
                self.assertIn(answer.status, (400, 422))
                self.assertEqual(list(answer.json()), ["Error"])
        self.assertEqual(len(self.jobs()), before)


class Holes(Client, HoleTests):
    """The holes of go-tasky, one by one (docs/predecessors.md)."""

    options = {"environment": SECRET_ENVIRONMENT}
    commands = {
        **{name: Client.commands[name] for name in ("sleeper", "fails", "silent")},
        "copyfile": {"exec": ["/usr/bin/cp", "{source}", "{destination}"],
                     "params": {"source": {"type": "string", "required": True}, "destination": {"type": "string", "required": True}}},
        "ifconfig": {"exec": ["/usr/bin/python3", "-c", LOOK, "{process}", "{port}"],
                     "params": {"process": {"type": "string", "required": True}, "port": {"type": "string", "required": True}}},
        "few": {"exec": ["/usr/bin/echo", "few"], "retention": {"count": 1}},
        "a": {"exec": ["/usr/bin/true"]},
    }
    words = {name: name for name in commands}

    def test_T3_1_nobody_creates_a_task_without_a_token_or_from_another_site(self):
        """T.3.1: no authentication, all interfaces, form posts of any page."""
        self.assert_nobody_gets_in("POST", "/tasky/v1/workers/silent", "")

    def test_T3_2_a_worker_that_copies_reaches_no_file_of_the_host(self):
        """T.3.2: CopyFile copied or linked any file to any place that the server's user could write."""
        target = os.path.join(self.instance.directory, "copied")
        self.until(self.create("copyfile", {"source": "/usr/bin/true", "destination": "/tmp/x"}), "Completed")
        for source, destination in (("/etc/shadow", "/tmp/x"), (self.instance.config_path, "/tmp/x"), ("/etc/hostname", target), ("/bin/true", "/etc/true")):
            with self.subTest(source=source, destination=destination):
                self.until(self.create("copyfile", {"source": source, "destination": destination}), "Failed")
        self.assertFalse(os.path.exists(target))

    def test_T3_3_a_worker_sees_nothing_of_this_host_and_its_name_may_be_short(self):
        """T.3.3: Ifconfig told anybody the host's interfaces, and a name of one character was its end."""
        task_id = self.create("ifconfig", {"process": str(self.instance.part("keeper").pid), "port": str(self.instance.port)})
        self.until(task_id, "Completed")
        self.assert_confined(json.loads(self.result(task_id))["Output"]["string_output"])
        self.until(self.create("a"), "Completed")

    def test_T3_4_errors_are_errors_and_a_failure_has_its_reason(self):
        """T.3.4: errors had status 200, and why a task had failed was never shown."""
        self.assertEqual(self.ask("GET", f"/tasky/v1/tasks/{UNKNOWN}/status").status, 404)
        self.assertEqual(self.ask("POST", "/tasky/v1/workers/nobody", "").status, 404)
        self.assertEqual(self.until(self.create("fails"), "Failed")["Error"], "exited with status 1")

    def test_T3_5_a_limit_of_tasks_is_kept_and_a_worker_can_be_paused(self):
        """T.3.5: MaxNumTasks was never looked at, disabled workers ran, Pause and Resume did nothing."""
        task_id = self.create("sleeper")
        self.assertEqual(self.ask("POST", "/tasky/v1/workers/sleeper", "").status, 429)
        self.cancel(task_id)
        self.until(task_id, "Canceled")
        self.assertEqual(self.instance.request("POST", "/v1/commands/silent/pause", {"queue": False, "reason": "disabled"}).status, 200)
        self.assertEqual(self.ask("POST", "/tasky/v1/workers/silent", "").status, 409)
        self.assertEqual(self.instance.request("POST", "/v1/commands/silent/resume", {}).status, 200)
        self.until(self.create("silent"), "Completed")

    def test_T3_6_a_cancel_stops_the_work_and_never_hangs(self):
        """T.3.6: the work slept on after a cancel, and a cancel at the end of a task hung."""
        task_id = self.create("sleeper")
        self.until(task_id, "Running")
        self.cancel(task_id)
        self.until(task_id, "Canceled")
        self.assertEqual([process for process in self.instance.processes() if process.name() == "sleep"], [])
        for _ in range(10):
            task_id = self.create("a")
            self.assertEqual([self.cancel(task_id).status for _ in range(3)], [200] * 3)
            self.until(task_id, "Completed", "Canceled")

    def test_T3_7_old_tasks_go_and_bodies_are_bounded(self):
        """T.3.7: tasks were never forgotten, and a body could have any length."""
        first = self.create("few")
        self.until(first, "Completed")
        for _ in range(2):
            self.until(self.create("few"), "Completed")
        self.ended(lambda: self.ask("GET", f"/tasky/v1/tasks/{first}/result").status == 410, seconds=60)
        self.assert_bodies_are_bounded("POST", "/tasky/v1/workers/silent")

    def test_T3_8_many_at_once_are_each_told_of_their_own(self):
        """T.3.8: state was read and written without locks."""
        ended, faults = [], []

        def client():
            try:
                for _ in range(5):
                    task_id = self.create("fails")
                    task = self.until(task_id, "Failed")
                    ended.append((task_id, task["TaskId"], task["Error"]))
            except AssertionError as fault:
                faults.append(fault)
        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((faults, len(ended), len(set(ended))), ([], 40, 40))
        self.assertTrue(all(asked == told and why == "exited with status 1" for asked, told, why in ended))

    def test_T3_9_a_body_that_is_none_is_refused_at_once(self):
        """T.3.9: a wrong body was accepted, and its task failed later, silently."""
        before = len(self.jobs())
        for body in ("{", "[1]", '"x"', "{}", '{"source": 1, "destination": "x"}', '{"source": "x"}'):
            self.assertIn(self.ask("POST", "/tasky/v1/workers/copyfile", body).status, (400, 422), body)
        self.assertEqual(len(self.jobs()), before)

    def test_T3_10_lists_have_an_order(self):
        """T.3.10: the order of workers and tasks was another at each call."""
        tasks = [self.create("a") for _ in range(3)]
        for task_id in tasks:
            self.until(task_id, "Completed")
        for path in ("/tasky/v1/workers/", "/tasky/v1/tasks/"):
            self.assertEqual(len({self.ask("GET", path).body for _ in range(5)}), 1)
        listed = [task["TaskId"] for task in self.ask("GET", "/tasky/v1/tasks/").json()["Tasks"]]
        self.assertEqual(listed[:3], tasks[::-1], "the newest first")


if __name__ == "__main__":
    unittest.main()
