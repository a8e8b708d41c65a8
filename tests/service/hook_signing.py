"""What providers of webhooks send, written from their documents and not from our code: headers and signatures of a body."""

import base64
import hashlib
import hmac
import secrets
import time
import uuid

STANDARD_KEY = secrets.token_bytes(32)
STANDARD_SECRET = "whsec_" + base64.b64encode(STANDARD_KEY).decode()


def hexadecimal(secret, text, algorithm="sha256"):
    return hmac.new(secret.encode(), text, algorithm).hexdigest()


def standard(secret, body, at, name):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": "v1," + base64.b64encode(digest).decode()}


def github(secret, body, at, name):
    return {"X-Hub-Signature-256": "sha256=" + hexadecimal(secret, body), "X-GitHub-Delivery": name, "X-GitHub-Event": "push"}


def gitlab_token(secret, body, at, name):
    return {"X-Gitlab-Token": secret, "Idempotency-Key": name, "X-Gitlab-Event": "Push Hook"}


def gitea(secret, body, at, name):
    return {"X-Gitea-Signature": hexadecimal(secret, body), "X-Gitea-Delivery": name, "X-Gitea-Event": "push"}


def bitbucket(secret, body, at, name):
    return {"X-Hub-Signature": "sha256=" + hexadecimal(secret, body), "X-Request-UUID": name, "X-Event-Key": "repo:push"}


def slack(secret, body, at, name):
    return {"X-Slack-Signature": "v0=" + hexadecimal(secret, f"v0:{at}:".encode() + body),
            "X-Slack-Request-Timestamp": str(at)}


def stripe(secret, body, at, name):
    return {"Stripe-Signature": f"t={at},v1={hexadecimal(secret, f'{at}.'.encode() + body)}"}


def by_hand(secret, body, at, name):
    """The hook `generic` of test_hooks.py."""
    digest = hmac.new(secret.encode(), f"{at}|{name}|".encode() + body, hashlib.sha512).digest()
    return {"X-Signature": "hmac " + base64.b64encode(digest).decode(), "X-Time": str(at), "X-Id": name}


class Provider:
    """One preset: how it signs, and what of a delivery its signature speaks of."""

    def __init__(self, preset, sign, header, *, secret=None, signs_body=True, signs_time=False, has_name=True,
                 signs_name=False, verify=None):
        self.preset, self.sign, self.header = preset, sign, header
        self.secret = secret or secrets.token_hex(16)
        self.signs_body, self.signs_time, self.has_name, self.signs_name = signs_body, signs_time, has_name, signs_name
        self.verify = verify or {}

    def headers(self, body, *, secret=None, at=None, name=None):
        at = int(time.time()) if at is None else at
        return self.sign(secret or self.secret, body, at, name or str(uuid.uuid4()))


BY_HAND = {"header": "X-Signature", "algorithm": "sha512", "encoding": "base64", "prefix": "hmac ", "timestamp_header": "X-Time",
           "delivery_header": "X-Id", "template": "{t}|{id}|{body}"}

PROVIDERS = [
    Provider("github", github, "X-Hub-Signature-256"),
    Provider("gitlab-token", gitlab_token, "X-Gitlab-Token", signs_body=False),
    Provider("gitlab-signing", standard, "webhook-signature", secret=STANDARD_SECRET, signs_time=True, signs_name=True),
    Provider("gitea", gitea, "X-Gitea-Signature"),
    Provider("bitbucket", bitbucket, "X-Hub-Signature"),
    Provider("slack", slack, "X-Slack-Signature", signs_time=True, has_name=False),
    Provider("stripe", stripe, "Stripe-Signature", signs_time=True, has_name=False),
    Provider("standard-webhooks", standard, "webhook-signature", secret=STANDARD_SECRET, signs_time=True, signs_name=True),
    Provider("generic", by_hand, "X-Signature", signs_time=True, signs_name=True, verify=BY_HAND),
]


def other_secret(provider):
    """Another of the same form."""
    if provider.secret.startswith("whsec_"):
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(16)
