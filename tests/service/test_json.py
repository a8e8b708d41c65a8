#!/usr/bin/python3
"""JSON as RFC 8259 has it, and nothing more: what it forbids is refused with 400 `bad-json`, what it allows is understood. The cases are
of the three kinds that test suites of JSON have: `n` must be refused, `y` must be read, of `i` a reader may say either."""

import unittest

from harness import ServiceTest

# Values that are none, wherever they stand. In the body they are the whole of it, and then a parameter's value.
NOT_JSON = [
    b"", b" ", b"\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf{}", b"\x00", b"{}\x00", b"\xff\xfe{\x00}\x00", b"\x0c{}", b"{}\x0c", b"\xa0{}", b"\xe2\x80\xa8{}",
    # literals
    b"nul", b"nulll", b"Null", b"NULL", b"tru", b"truth", b"True", b"fals", b"False", b"None", b"undefined", b"NaN", b"nan", b"Infinity", b"-Infinity",
    b"inf", b"yes", b"*", b"a", b"\xc3\xa9",
    # numbers
    b"01", b"-01", b"00", b"-", b"+1", b"+", b"1.", b".5", b"-.5", b"1.e1", b"1e", b"1e+", b"1e-", b"1E", b"1e1.5", b"0x10", b"0b1", b"0o7", b"1_000",
    b"1,000", b"1 000", b"--1", b"-+1", b"1-", b"1a", b"-1a", b"- 1", b"0e", b"0e+", b"1.0e", b"1..2", b"1.2.3", b"0.1.2", b"1ee2", b"-2.", b"2.e+3",
    b"1/2", b"9.e+", b"\xef\xbc\x91", b"1+2", b"0.", b"1f", b"1L", b"Inf", b"-NaN", b"1e1_0", b"0x", b"-0x1", b"1eE2",
    # strings
    b'"', b'"a', b"'a'", b"a", b'"\\', b'"\\"', b'"\\a"', b'"\\x41"', b'"\\0"', b'"\\\'"', b'"\\u"', b'"\\u1"', b'"\\u12"', b'"\\u123"', b'"\\u12g4"',
    b'"\\U00000041"', b'"\\u 041"', b'"\\u{41}"', b'"\n"', b'"\t"', b'"\r"', b'"\x00"', b'"\x01"', b'"\x1f"', b'"a\x08b"', b'"\\\n"', b'"a" "b"', b'"a""b"',
    b'"\x80"', b'"\xbf"', b'"\xc0\xaf"', b'"\xc1\xbf"', b'"\xe0\x80\xaf"', b'"\xf0\x80\x80\xaf"', b'"\xc3"', b'"\xe2\x82"', b'"\xf0\x9f\x98"', b'"\xed\xa0\x80"',
    b'"\xed\xbf\xbf"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xff"', b'"\xfe"', b'"\xe9"', b'"a\xc3("', b"`a`", b'\\"a\\"',
    b'"\\ud800"', b'"\\udc00"', b'"\\ud800a"', b'"\\ud800\\n"', b'"\\udc00\\ud800"', b'"\\ud800\\u0041"', b'"\\uD834\\uD834"',
    # arrays
    b"[", b"]", b"[1", b"[1,", b"[1,]", b"[,]", b"[,1]", b"[1,,2]", b"[1 2]", b"[1:2]", b"[1;2]", b"[}", b"[1}", b"[1]]", b"[]]", b"[[]", b"[\"a\"", b"[\"a",
    b"[1,\n", b"[null,]", b"(1)", b"<1>", b"[#]", b"[1]x", b"[]a", b"[*]", b"[-]", b"[+1]", b"[1,2,...]", b"[\x0c]", b"[\xe2\x81\xa0]", b"[nul]",
    # objects
    b"{", b"}", b"{\"a\"", b"{\"a\":", b"{\"a\":1", b"{\"a\":1,", b"{\"a\":1,}", b"{,}", b"{,\"a\":1}", b"{\"a\":1,,\"b\":2}", b"{\"a\" 1}", b"{\"a\",1}", b"{\"a\"=1}",
    b"{\"a\"::1}", b"{a:1}", b"{'a':1}", b"{1:1}", b"{null:1}", b"{[]:1}", b"{\"a\":1 \"b\":2}", b"{\"a\":1]", b"{]", b"{\"a\":}", b"{:1}", b"{\"a\"}", b"{\"a\":1}}",
    b"{}{}", b"{} {}", b"{},", b"{}x", b"{}#", b"{\"a\":1}#x", b"{\"a\":\"b\"}/**/", b"{/**/}", b"{//a\n}", b"/*a*/{}", b"#a\n{}", b"<!-- -->{}", b"--{}",
    b"{\"\\ud800\":1}", b"{\"\xff\":1}", b"{\"a\\x\":1}", b"{\"a\\u0000b\":1}", b"{\"a\":tru}", b"{\"a\":01}", b"{*:1}", b"@{}", b"{\"a\":1;\"b\":2}", b"{\"a\"\n:1",
    # the same key twice is forbidden by RFC 7493 and by us: two readers take different ones
    b"{\"a\":1,\"a\":2}", b"{\"a\":1,\"\\u0061\":2}", b"{\"\":1,\"\":2}", b"{\"x\":{\"a\":1,\"a\":1}}",
]

# What stands in `params`, where a command without parameters knows none: that is a fault of the rules, and not of the JSON.
JSON = [
    b"null", b"true", b"false", b"0", b"-0", b"1", b"-1", b"10", b"1.0", b"1.5", b"-1.5", b"0.0", b"1e1", b"1E1", b"1e+1", b"1e-1", b"1.5e10", b"0e0", b"0e+1", b"1E22",
    b"123456789", b"9007199254740993", b"-9223372036854775808", b"9223372036854775807", b"0.1e-10", b"1.234567890123456789",
    b'""', b'"a"', b'" "', b'"\\""', b'"\\\\"', b'"\\/"', b'"/"', b'"\\b\\f\\n\\r\\t"', b'"\\u0041"', b'"\\u00e9"', b'"\\u00E9"', b'"\xc3\xa9"', b'"\xe2\x82\xac"',
    b'"\xf0\x9f\x98\x80"', b'"\\ud83d\\ude00"', b'"\\uD83D\\uDE00"', b'"\x7f"', b'"\\u007f"', b'"\xe2\x80\xa8"', b'"\xef\xbb\xbf"', b'"\xef\xbf\xbf"',
    b'"\xf4\x8f\xbf\xbf"', b'"\\uffff"', b'"\\u2028"', b'"\xc2\x80"', b'"a,b]:{}"', b'"null"', b'"\\\\u0041"', b'"\\u001f"', b'"\\u0001"',
    b"[]", b"[ ]", b"[1]", b"[1,2]", b"[ 1 , 2 ]", b"[[]]", b"[[],[]]", b"[null,true,1,\"a\",{}]", b"[\n1\r\n]", b"[\t]", b"[{}]", b"[[[[[[[[]]]]]]]]", b"[\"\"]",
    b"{}", b"{ }", b"{\"a\":1}", b"{ \"a\" : 1 }", b"{\"\":1}", b"{\"a\":{\"b\":{}}}", b"{\"a\":[],\"b\":{}}", b"{\"a\":1,\"A\":2}", b"{\"\\u0061\":1}", b"{\"a b\":1}",
    b"{\"\xc3\xa9\":1,\"e\xcc\x81\":2}", b"{\"a\":\n1\n}", b"{\"__proto__\":1}", b"{\"a\":{\"a\":{\"a\":1}}}",
]

# Either will do, but an answer it must be, and no crash.
EITHER = [
    b"1e400", b"-1e400", b"1e-400", b"1e9999999999", b"0.4e00669999999999999999", b"9223372036854775808", b"-9223372036854775809", b"1" * 400, b"0." + b"1" * 4000, b'"\\u0000"',
    b"[" * 31 + b"]" * 31, b"[" * 100 + b"]" * 100, b"[" * 10000 + b"]" * 10000, b"{\"a\":" * 10000 + b"1" + b"}" * 10000, b"[" * 100000, b"{\"a\":" * 50000,
    b'"' + b"a" * 100000 + b'"', b"[" + b"1," * 50000 + b"1]", b"[" + b"{}," * 50000 + b"{}]", b'"' + b"\\u0041" * 20000 + b'"', b" " * 200000 + b"1",
    b"{" + b",".join(b'"%d":1' % number for number in range(20000)) + b"}",
]


class Json(ServiceTest):
    commands = {"any": {"exec": ["/usr/bin/true"]}}

    def setUp(self):
        self.front = self.instance.part("front")

    def tearDown(self):
        self.assertEqual(self.instance.part("front"), self.front, "the front is the one that it was")

    def post(self, body):
        return self.instance.request("POST", "/v1/commands/any/jobs", body, headers={"Content-Type": "application/json"})

    def code(self, body):
        """The problem's code; None when it was accepted."""
        answer = self.post(body)
        if answer.status == 202:
            return None
        self.assertIn(answer.status, (400, 413, 422), (body[:100], answer))
        return answer.json()["code"]

    def test_what_is_no_json_is_refused_as_such(self):
        for text in NOT_JSON:
            with self.subTest(text):
                if text:  # a body of nothing is none at all
                    self.assertEqual(self.code(text), "bad-json")
                self.assertEqual(self.code(b'{"params":{"x":' + text + b'}}'), "bad-json")
                self.assertEqual(self.code(b'{"params":{"x":[' + text + b',1]}}'), "bad-json")

    def test_what_is_json_is_read(self):
        for text in JSON:
            with self.subTest(text):
                self.assertEqual(self.code(b'{"params":{"x":' + text + b'}}'), "params-invalid")
                self.assertEqual(self.code(b' {\r\n\t"params" : { "x" : ' + text + b" } } \n"), "params-invalid")
                self.assertIn(self.code(text), (None,) if text in (b"{}", b"{ }") else ("bad-json", "unknown-member"))

    def test_what_a_reader_may_refuse_is_answered_too(self):
        for text in EITHER:
            self.assertIn(self.code(b'{"params":{"x":' + text + b'}}'), ("bad-json", "params-invalid", "body-too-large"), text[:100])

    def test_a_text_cut_anywhere_is_no_json(self):
        whole = b'{"params":{"x":[null,-1.5e+10,"\\u00e9\xc3\xa9"]},"reason":"a"}'
        for size in range(1, len(whole)):
            self.assertEqual(self.code(whole[:size]), "bad-json", whole[:size])
        self.assertEqual(self.code(whole), "params-invalid")

    def test_every_single_byte_is_answered(self):
        for byte in range(256):
            self.assertEqual(self.code(bytes([byte])), "bad-json", byte)


if __name__ == "__main__":
    unittest.main()
