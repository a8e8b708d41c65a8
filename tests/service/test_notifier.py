"""The notifier by itself: the real program, confined as it is for real, between a test that gives orders and receivers,
name servers and certificates that the test has made. All of it on loopback, so where "public" matters, single addresses of
127.0.0.0/8 stand for it."""

import os
import signal
import ssl
import unittest
import uuid

import harness
from notifier_rig import GID, UID, Notifier, frame, memory_file, u8, u32, wait_for
from receivers import A, AAAA, FAILED, NO_NAME, SILENT, TRUNCATED, Certificates, NameServer, Receiver

LOOPBACK = ["127.0.0.0/8", "::1/128"]
AT_ONCE = 64                # CALLBACKS_AT_ONCE
ALL_BYTES = bytes(range(256))


class NotifierTest(unittest.TestCase):
    """A notifier and a receiver for each test."""

    resolv_conf, hosts, certificates = "", "", b""

    def setUp(self):
        harness.needs_program(self, "notifier")
        self.receiver = self.make(Receiver())
        self.notifier = self.start()

    def make(self, thing):
        self.addCleanup(thing.close)
        return thing

    def start(self, **more):
        notifier = Notifier(**{"resolv_conf": self.resolv_conf, "hosts": self.hosts, "certificates": self.certificates, **more})
        return self.enterContext(notifier)

    def url(self, path, receiver=None, host="127.0.0.1"):
        return f"http://{host}:{(receiver or self.receiver).port}/{path}"

    def deliver(self, path, receiver=None, **more):
        """Over plain HTTP to a receiver of ours."""
        host = more.pop("host", "127.0.0.1")
        return self.notifier.deliver(self.url(path, receiver, host), **{"networks": LOOPBACK, "allows_plain": True, **more})

    def send(self, path, receiver=None, **more):
        return self.notifier.send(self.url(path, receiver), **{"networks": LOOPBACK, "allows_plain": True, **more})


class Answers(NotifierTest):
    def test_a_status_is_told_as_it_is(self):
        for status in (200, 204, 400, 410, 500, 599):
            answer = self.deliver(f"status/{status}")
            self.assertEqual((answer.outcome, answer.status, answer.retry_after, answer.detail), ("answered", status, None, ""))
            self.assertEqual(answer.address, f"127.0.0.1:{self.receiver.port}")

    def test_retry_after_is_told_in_seconds(self):
        self.assertEqual(self.deliver("retry/120").retry_after, 120)
        self.assertEqual(self.deliver("retry/99999999").retry_after, 86400)
        self.assertIsNone(self.deliver("retry/soon").retry_after)
        answer = self.deliver("retry-date/3600")
        self.assertEqual((answer.outcome, answer.status), ("answered", 503))
        self.assertLessEqual(answer.retry_after, 3600)
        self.assertGreater(answer.retry_after, 3600 - 60)

    def test_a_redirect_is_a_status_and_is_not_followed(self):
        other = self.make(Receiver())
        answer = self.deliver(f"redirect/{other.port}")
        self.assertEqual((answer.outcome, answer.status), ("answered", 307))
        self.assertEqual(other.connections, 0)

    def test_interim_answers_are_passed_over(self):
        answer = self.deliver("early-hints")
        self.assertEqual((answer.outcome, answer.status, answer.retry_after), ("answered", 200, None))

    def test_a_head_that_does_not_come_in_time_is_a_timeout(self):
        for path in ("slow-head", "slow-interim", "wait"):
            answer = self.deliver(path, timeout=0.5)
            self.assertEqual((answer.outcome, answer.status), ("timeout", 0), path)
            self.assertGreater(answer.duration_ms, 0)

    def test_a_body_that_does_not_come_changes_nothing(self):
        for path in ("slow-body", "short-body"):
            answer = self.deliver(path, timeout=0.5)
            self.assertEqual((answer.outcome, answer.status), ("answered", 200), path)

    def test_a_body_without_end_is_cut_off(self):
        answer = self.deliver("huge-body")
        self.assertEqual((answer.outcome, answer.status), ("answered", 200))
        self.assertTrue(self.receiver.was_cut_off.wait(20))

    def test_a_head_without_end_is_too_large(self):
        for path in ("huge-head", "huge-line"):
            self.receiver.was_cut_off.clear()
            answer = self.deliver(path)
            self.assertEqual((answer.outcome, answer.status), ("too-large", 0), path)
            self.assertTrue(self.receiver.was_cut_off.wait(20))

    def test_a_connection_that_breaks_is_no_answer(self):
        for path in ("reset", "reset-middle", "nothing"):
            answer = self.deliver(path)
            self.assertEqual((answer.outcome, answer.status), ("protocol", 0), path)
            self.assertNotEqual(answer.detail, "")

    def test_what_is_not_http_is_no_answer(self):
        self.assertEqual(self.deliver("garbage").outcome, "protocol")

    def test_nobody_there_is_told_as_such(self):
        answer = self.notifier.deliver(f"http://127.0.0.1:{harness.free_port()}/", networks=LOOPBACK, allows_plain=True)
        self.assertEqual((answer.outcome, answer.status), ("connect", 0))


class Requests(NotifierTest):
    def test_the_body_arrives_byte_for_byte_with_its_length(self):
        for body in (b"", b"{}", ALL_BYTES, "{\"größe\":\"✓\"}\r\n".encode(), ALL_BYTES * 4096):
            self.assertEqual(self.deliver("status/200", body=body).status, 200)
            request = self.receiver.requests[-1]
            self.assertEqual(request.body, body)
            self.assertEqual(request.field("content-length"), [str(len(body))])

    def test_the_head_has_the_fields_of_the_order_and_few_others(self):
        fields = [("webhook-id", "msg_1"), ("webhook-timestamp", "1772359200"), ("webhook-signature", "v1,aGVsbG8= v1,eA=="),
                  ("content-type", "application/json; charset=utf-8"), ("X-Own", "a: b;c")]
        self.deliver("status/200?a=b&c=%20", fields=fields)
        request = self.receiver.requests[0]
        self.assertEqual((request.method, request.target, request.version), ("POST", "/status/200?a=b&c=%20", "HTTP/1.1"))
        self.assertEqual([field for field in request.fields if field in fields], fields)
        others = sorted(name for name, value in request.fields if (name, value) not in fields)
        self.assertEqual(others, ["Accept", "Content-Length", "Host", "User-Agent"])
        self.assertTrue(request.field("user-agent")[0].startswith("sallyport/"))

    def test_an_order_without_a_type_has_none(self):
        self.deliver("status/200", fields=[])
        self.assertEqual(self.receiver.requests[0].field("content-type"), [])

    def test_each_has_a_connection_of_its_own(self):
        for _ in range(3):
            self.deliver("status/200")
        self.assertEqual(self.receiver.connections, 3)

    def test_plain_http_is_for_orders_that_say_so(self):
        answer = self.deliver("status/200", allows_plain=False)
        self.assertEqual(answer.outcome, "invalid")
        self.assertEqual(self.receiver.connections, 0)

    def test_a_path_is_sent_as_it_stands(self):
        self.deliver("status//200")
        self.assertEqual(self.receiver.requests[0].target, "/status//200")


class Limits(NotifierTest):
    def test_what_comes_beyond_the_limit_is_told_at_once_and_nothing_is_lost(self):
        ids = [self.send("wait", timeout=20, body=str(number).encode()) for number in range(100)]
        busy = [self.notifier.answer() for _ in range(100 - AT_ONCE)]
        self.assertEqual({answer.outcome for answer in busy}, {"busy"})
        self.receiver.wait_for_requests(AT_ONCE)
        self.receiver.gate.set()
        answered = [self.notifier.answer() for _ in range(AT_ONCE)]
        self.assertEqual({(answer.outcome, answer.status) for answer in answered}, {("answered", 200)})
        self.assertEqual({answer.id for answer in busy + answered}, set(ids))
        self.assertEqual(len(self.receiver.requests), AT_ONCE)
        self.assertEqual(self.deliver("status/200").status, 200)

    def test_a_hundred_deliveries_arrive_once_each(self):
        waiting = {}
        for number in range(100):
            waiting[self.send("status/200", timeout=20, body=str(number).encode())] = number
        while waiting:
            answer = self.notifier.answer()
            number = waiting.pop(answer.id)
            if answer.outcome == "busy":
                waiting[self.send("status/200", timeout=20, body=str(number).encode())] = number
            else:
                self.assertEqual(answer.status, 200)
        self.assertEqual(sorted(int(request.body) for request in self.receiver.requests), list(range(100)))

    def test_descriptors_do_not_add_up(self):
        paths = ("status/200", "reset", "garbage", "huge-body", "slow-body")
        self.deliver("status/200")
        before = len(os.listdir(f"/proc/{self.notifier.process.pid}/fd"))
        for _ in range(8):
            for path in paths:
                self.deliver(path, timeout=0.2)
        self.assertEqual(len(os.listdir(f"/proc/{self.notifier.process.pid}/fd")), before)


class Orders(NotifierTest):
    """What a keeper taken over could say."""

    def test_what_cannot_be_sent_is_answered_and_not_sent(self):
        unsealed = memory_file(b"{}", seals=0)
        self.addCleanup(os.close, unsealed)
        good = self.url("status/200")
        for more in ({"url": "ftp://127.0.0.1/"}, {"url": "http://user@127.0.0.1/"}, {"url": "http://2130706433/"},
                     {"url": "http://127.0.0.1/\r\nX: y"}, {"url": ""}, {"fields": [("host", "evil.example")]},
                     {"fields": [("x", "a\r\nb: c")]}, {"fields": b"\x50\x05"}, {"packed": b"\0" * 16},
                     {"packed": b"\0" * 16 + b"\xff"}, {"timeout": 0}, {"body_fd": unsealed}):
            answer = self.notifier.deliver(**{"url": good, "networks": LOOPBACK, "allows_plain": True, **more})
            self.assertEqual(answer.outcome, "invalid", more)
            self.assertNotEqual(answer.detail, "", more)
        self.assertEqual(self.receiver.connections, 0)
        self.assertEqual(self.deliver("status/200").status, 200)

    def expect_to_be_left(self):
        with self.assertRaises(EOFError):
            self.notifier.answer()
        self.notifier.new_keeper()
        self.assertEqual(self.deliver("status/200").status, 200)

    def test_a_keeper_that_breaks_the_protocol_is_left(self):
        delivery_id = uuid.uuid4().bytes
        for breach in (lambda: self.notifier.keeper.send(b"nonsense"),
                       lambda: self.notifier.keeper.send(frame("DELIVER", b"")),
                       lambda: self.notifier.keeper.send(frame("DELIVER", b"\0" * 60000)),
                       lambda: self.notifier.keeper.send(frame("BEGIN", u8(0))),
                       lambda: self.notifier.keeper.send(frame("DELIVERED", b"\0" * 38)),
                       lambda: [self.send("wait", delivery_id=delivery_id) for _ in range(2)]):
            breach()
            self.expect_to_be_left()

    def test_a_keeper_that_dies_takes_what_is_under_way_with_it(self):
        old = self.send("wait")
        self.receiver.wait_for_requests(1)
        self.notifier.new_keeper()
        self.receiver.gate.set()
        answer = self.deliver("status/200")
        self.assertNotEqual(answer.id, old, "the next keeper would hear of what it did not order")
        again = self.deliver("status/200", delivery_id=old)
        self.assertEqual((again.id, again.status), (old, 200), "what was dropped can be asked for again")


class Networks(NotifierTest):
    def test_by_default_no_address_of_this_host_or_a_private_network_is_reached(self):
        for host in ("127.0.0.1", "127.1.2.3", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1",
                     "169.254.169.254", "192.168.0.1", "[fd00::1]", "[fe80::1]", "0.0.0.0", "[::]", "localhost", "a.localhost"):
            answer = self.deliver("status/200", host=host, networks=[])
            self.assertEqual((answer.outcome, answer.status), ("network-refused", 0), host)
            self.assertIn("not one that this callback may reach", answer.detail)
        self.assertEqual(self.receiver.connections, 0)

    def test_a_list_of_networks_is_all_there_is(self):
        self.assertEqual(self.deliver("status/200", networks=["127.0.0.1/32"]).status, 200)
        self.assertEqual(self.deliver("status/200", networks=["127.0.0.2/32", "10.0.0.0/8"]).outcome, "network-refused")
        self.assertEqual(self.deliver("status/200", host="0.0.0.0", networks=["0.0.0.0/0"]).outcome, "network-refused")
        self.assertEqual(self.deliver("status/200", networks=["::/0"]).outcome, "network-refused")
        self.assertEqual(self.deliver("status/200", host="[::ffff:127.0.0.1]", networks=["127.0.0.0/8"]).status, 200)

    def test_ipv6_is_reached_where_it_is_allowed(self):
        receiver = self.make(Receiver("::1"))
        answer = self.deliver("status/200", receiver, host="[::1]", networks=["::1/128"])
        self.assertEqual((answer.status, answer.address), (200, f"[::1]:{receiver.port}"))
        self.assertEqual(receiver.requests[0].field("host"), [f"[::1]:{receiver.port}"])


class Names(NotifierTest):
    def setUp(self):
        self.server = self.make(NameServer({"hooks.example": ["127.0.0.1"]}))
        self.resolv_conf = self.server.resolv_conf("options timeout:1 attempts:1")
        self.hosts = "127.0.0.1 table.example alias\n127.0.0.3 table.example\n"
        super().setUp()

    def test_a_name_is_asked_for_and_stays_the_host(self):
        answer = self.deliver("status/200", host="hooks.example")
        self.assertEqual((answer.outcome, answer.status), ("answered", 200))
        self.assertEqual(self.receiver.requests[0].field("host"), [f"hooks.example:{self.receiver.port}"])
        self.assertEqual(sorted(self.server.questions), [("hooks.example", A), ("hooks.example", AAAA)])

    def test_the_hosts_own_table_comes_first(self):
        self.server.names["table.example"] = ["127.0.0.9"]
        self.assertEqual(self.deliver("status/200", host="table.example").status, 200)
        self.assertEqual(self.deliver("status/200", host="alias").status, 200)
        self.assertEqual(self.server.questions, [])

    def test_addresses_of_both_kinds_are_tried(self):
        self.server.names["both.example"] = ["::1", "127.0.0.1"]
        self.assertEqual(self.deliver("status/200", host="both.example").status, 200)
        six = self.make(Receiver("::1"))
        self.assertEqual(self.deliver("status/200", six, host="both.example").address, f"[::1]:{six.port}")

    def test_a_name_of_this_host_is_refused_whoever_says_it(self):
        self.server.names.update({"v6.example": ["::1"], "meta.example": ["169.254.169.254"], "mapped.example": ["::ffff:127.0.0.1"]})
        for host in ("hooks.example", "table.example", "localhost", "v6.example", "meta.example", "mapped.example"):
            answer = self.deliver("status/200", host=host, networks=[])
            self.assertEqual(answer.outcome, "network-refused", host)
        self.assertEqual(self.receiver.connections, 0)

    def test_of_several_addresses_only_those_that_are_allowed_are_used(self):
        allowed = self.make(Receiver("127.0.0.2"))
        forbidden = self.make(Receiver("127.0.0.1", allowed.port))
        self.server.names["mixed.example"] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        for _ in range(5):
            answer = self.deliver("status/200", allowed, host="mixed.example", networks=["127.0.0.2/32"])
            self.assertEqual((answer.status, answer.address), (200, f"127.0.0.2:{allowed.port}"))
        self.assertEqual(forbidden.connections, 0)

    def test_a_second_answer_is_never_asked_for(self):
        """DNS rebinding: a good address first, then that of somebody who must not be reached."""
        allowed = self.make(Receiver("127.0.0.2"))
        forbidden = self.make(Receiver("127.0.0.1", allowed.port))
        self.server.names["turns.example"] = [["127.0.0.2"], ["127.0.0.1"]]
        first = self.deliver("status/200", allowed, host="turns.example", networks=["127.0.0.2/32"])
        self.assertEqual((first.status, first.address), (200, f"127.0.0.2:{allowed.port}"))
        self.assertEqual(len(self.server.questions), 2, "one for each kind")
        second = self.deliver("status/200", allowed, host="turns.example", networks=["127.0.0.2/32"])
        self.assertEqual(second.outcome, "network-refused")
        self.assertEqual(forbidden.connections, 0)

    def test_an_address_that_does_not_answer_is_no_reason_to_ask_again(self):
        self.server.names["gone.example"] = [["127.0.0.2"], ["127.0.0.1"]]
        answer = self.deliver("status/200", host="gone.example")      # listens on 127.0.0.1 alone
        self.assertEqual(answer.outcome, "connect")
        self.assertEqual(len(self.server.questions), 2)
        self.assertEqual(self.receiver.connections, 0)

    def test_orders_to_one_host_do_not_share_their_addresses(self):
        left = self.make(Receiver("127.0.0.1"))
        right = self.make(Receiver("127.0.0.2", left.port))
        self.server.names["shared.example"] = ["127.0.0.1", "127.0.0.2"]
        url = f"http://shared.example:{left.port}/status/200"
        wanted = {}
        for number in range(40):
            host = "127.0.0.1" if number % 2 else "127.0.0.2"
            wanted[self.notifier.send(url, networks=[f"{host}/32"], allows_plain=True)] = f"{host}:{left.port}"
        for _ in range(40):
            answer = self.notifier.answer()
            self.assertEqual((answer.status, answer.address), (200, wanted[answer.id]))
        self.assertEqual((len(left.requests), len(right.requests)), (20, 20))

    def test_a_name_that_cannot_be_resolved_is_told_as_such(self):
        self.server.names.update({"none.example": NO_NAME, "failed.example": FAILED, "silent.example": SILENT, "long.example": TRUNCATED,
                                  "empty.example": []})
        for host in ("none.example", "failed.example", "silent.example", "long.example", "empty.example", "a" * 63 + ".example"):
            answer = self.deliver("status/200", host=host)
            self.assertEqual((answer.outcome, answer.status), ("dns", 0), host)
            self.assertNotEqual(answer.detail, "", host)

    def test_a_look_up_counts_into_the_time_limit(self):
        self.server.names["silent.example"] = SILENT
        answer = self.deliver("status/200", host="silent.example", timeout=0.3)
        self.assertEqual(answer.outcome, "timeout")
        self.assertEqual(self.deliver("status/200", host="hooks.example").status, 200)

    def test_each_look_up_asks_from_a_place_of_its_own(self):
        for _ in range(8):
            self.deliver("status/200", host="hooks.example")
        self.assertGreater(len(self.server.sources), 4, "a source that never changes is half of a forged answer")

    def test_only_the_names_of_orders_are_asked_for(self):
        self.server.names["silent.example"] = SILENT
        for _ in range(3):
            self.deliver("status/200", host="silent.example")
            self.deliver("status/200", host="hooks.example")
        self.assertEqual({name for name, _ in self.server.questions}, {"silent.example", "hooks.example"})

    def test_a_name_server_that_is_silent_is_passed_over(self):
        silent = self.make(NameServer({"hooks.example": SILENT}))
        conf = silent.resolv_conf() + self.server.resolv_conf("options timeout:1 attempts:3")
        notifier = self.start(resolv_conf=conf)
        for _ in range(4):
            answer = notifier.deliver(self.url("status/200", host="hooks.example"), networks=LOOPBACK, allows_plain=True, timeout=10)
            self.assertEqual(answer.status, 200)

    def test_a_search_list_completes_short_names_in_its_order(self):
        self.server.names.update({"short.first.example": ["127.0.0.1"], "short.second.example": ["127.0.0.9"]})
        notifier = self.start(resolv_conf=self.server.resolv_conf("search first.example second.example", "options timeout:1 attempts:1"))
        answer = notifier.deliver(self.url("status/200", host="short"), networks=LOOPBACK, allows_plain=True)
        self.assertEqual((answer.status, answer.address), (200, f"127.0.0.1:{self.receiver.port}"))

    def test_new_settings_hold_for_the_next_order(self):
        other = self.make(NameServer({"moved.example": ["127.0.0.1"]}))
        self.assertEqual(self.deliver("status/200", host="moved.example").outcome, "dns")
        self.notifier.settings(other.resolv_conf(), "127.0.0.9 table.example\n")
        wait_for(lambda: self.deliver("status/200", host="moved.example").status == 200, "the new name server was not asked")
        self.assertEqual(self.deliver("status/200", host="table.example", networks=["127.0.0.1/32"]).outcome, "network-refused")


class Tls(NotifierTest):
    @classmethod
    def setUpClass(cls):
        cls.made = Certificates()
        cls.addClassCleanup(cls.made.remove)
        cls.certificates = cls.made.pem("ca")

    hosts = "127.0.0.1 hooks.example other.example\n"

    def over_tls(self, certificate, host="127.0.0.1", notifier=None, **more):
        receiver = self.make(Receiver(context=self.made.context(certificate, **more)))
        answer = (notifier or self.notifier).deliver(f"https://{host}:{receiver.port}/status/200", networks=LOOPBACK)
        return answer, receiver

    def test_a_certificate_that_is_good_for_the_host_is_believed(self):
        for host in ("127.0.0.1", "hooks.example"):
            answer, receiver = self.over_tls("good", host)
            self.assertEqual((answer.outcome, answer.status), ("answered", 200), answer)
            self.assertEqual(len(receiver.requests), 1)

    def test_a_certificate_that_is_not_good_ends_it_before_anything_is_sent(self):
        for certificate, host in (("wrong-name", "127.0.0.1"), ("wrong-name", "hooks.example"), ("good", "other.example"),
                                  ("expired", "127.0.0.1"), ("self-signed", "127.0.0.1"), ("of-other-ca", "127.0.0.1")):
            answer, receiver = self.over_tls(certificate, host)
            self.assertEqual((answer.outcome, answer.status), ("tls", 0), certificate)
            self.assertNotEqual(answer.detail, "", certificate)
            self.assertEqual(receiver.requests, [], certificate)

    def test_old_versions_are_not_spoken(self):
        answer, receiver = self.over_tls("good", highest=ssl.TLSVersion.TLSv1_1)
        self.assertEqual((answer.outcome, receiver.requests), ("tls", []))
        self.assertEqual(self.over_tls("good", highest=ssl.TLSVersion.TLSv1_2)[0].status, 200)

    def test_a_receiver_that_does_not_encrypt_gets_nothing(self):
        receiver = self.make(Receiver(greeting=b"HTTP/1.1 200 OK\r\n\r\n"))
        answer = self.notifier.deliver(f"https://127.0.0.1:{receiver.port}/status/200", networks=LOOPBACK, allows_plain=True)
        self.assertEqual((answer.outcome, receiver.requests), ("tls", []))

    def test_without_authorities_nobody_is_believed(self):
        """libcurl's own list, which Debian's is built with, must not step in."""
        for pem in (b"", b"no certificate\n", self.made.pem("other-ca")):
            answer, receiver = self.over_tls("good", notifier=self.start(certificates=pem))
            self.assertEqual((answer.outcome, receiver.requests), ("tls", []))

    def test_the_list_may_be_long_and_have_a_bad_entry(self):
        bad = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        pem = self.made.pem("other-ca", "other-ca", "ca") + bad
        self.assertEqual(self.over_tls("good", notifier=self.start(certificates=pem))[0].status, 200)

    def test_new_settings_hold_for_the_next_order(self):
        receiver = self.make(Receiver(context=self.made.context("of-other-ca")))
        url = f"https://127.0.0.1:{receiver.port}/status/200"
        self.assertEqual(self.notifier.deliver(url, networks=LOOPBACK).outcome, "tls")
        self.notifier.settings(certificates=self.made.pem("other-ca"))
        wait_for(lambda: self.notifier.deliver(url, networks=LOOPBACK).status == 200, "the new authority is not believed")
        self.assertEqual(self.over_tls("good")[0].outcome, "tls", "the old one still is")


class TheProcess(NotifierTest):
    def test_it_has_no_power_and_sees_nothing(self):
        harness.needs_root(self)
        self.assertEqual(self.deliver("status/200").status, 200)
        status = self.notifier.status()
        self.assertEqual(status["Uid"].split(), [str(UID)] * 4)
        self.assertEqual(status["Gid"].split(), [str(GID)] * 4)
        self.assertEqual(status["Groups"].split(), [])
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(status["Threads"].strip(), "1")
        pid = self.notifier.process.pid
        self.assertEqual(os.listdir(f"/proc/{pid}/root/"), [])
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = dict((line[:25].strip(), line[25:].split()[:2]) for line in file)
        self.assertEqual(limits["Max processes"], ["0", "0"])
        self.assertEqual(limits["Max open files"], ["1024", "1024"])
        self.assertEqual(limits["Max core file size"], ["0", "0"])

    def test_a_look_up_of_its_own_makes_no_thread(self):
        self.deliver("status/200", host="nobody.example", timeout=0.3)
        self.assertEqual(self.notifier.status()["Threads"].strip(), "1")

    def test_it_ends_with_the_bootstrap(self):
        self.notifier.control.close()
        self.assertEqual(self.notifier.wait(), 0)

    def test_a_drain_goes_on_until_the_keeper_ends(self):
        self.notifier.drain()
        self.assertEqual(self.deliver("status/200").status, 200)
        self.notifier.keeper.close()
        self.assertEqual(self.notifier.wait(), 0)

    def test_a_keeper_that_let_it_go_and_does_not_come_back_is_its_end(self):
        self.notifier.keeper.close()
        self.assertEqual(self.notifier.wait(), 1)

    def test_signals_of_a_terminal_are_not_for_it(self):
        self.assertEqual(self.deliver("status/200").status, 200, "it has begun")
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
            self.notifier.process.send_signal(number)
        self.assertEqual(self.deliver("status/200").status, 200)

    def test_a_bootstrap_that_says_what_cannot_be_is_its_end(self):
        self.notifier.order("STATE_DIR", u8(0), self.receiver.listener.fileno())
        self.assertEqual(self.notifier.wait(), 1)

    def test_settings_that_cannot_be_used_leave_the_old(self):
        for data in (b"", b"\0" * 8, u32(0) + u32(0)):
            fd = memory_file(data)
            self.notifier.order("SETTINGS", u32(2), fd)
            os.close(fd)
        self.assertEqual(self.deliver("status/200").status, 200)


if __name__ == "__main__":
    unittest.main()
