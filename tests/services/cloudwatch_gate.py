"""A gate in front of moto, which lets only requests pass that AWS would take.

moto looks at no signature and at few limits. The gate recomputes each signature with botocore over the headers and the bytes that came,
and refuses in AWS's words what is wrong; what is right goes on to moto.
"""

import gzip
import http.client
import json
import re
import threading
import xml.etree.ElementTree as xml
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, "
    r"SignedHeaders=(?P<signed>[^,]+), Signature=(?P<signature>[0-9a-f]{64})"
)
STS = "{https://sts.amazonaws.com/doc/2011-06-15/}"


class Refused(Exception):
    def __init__(self, kind, message, status=400):
        super().__init__(message)
        self.kind, self.message, self.status = kind, message, status


class Gate(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, moto, region, key, external_id):
        super().__init__(("127.0.0.1", 0), Handler)
        self.moto, self.region, self.external_id = moto, region, external_id
        # By id: the secret, and the session token if there is one.
        self.keys = {key[0]: (key[1], None)}
        self.expired, self.expire_after, self.throttle = set(), None, 0
        self.asked, self.refused = [], []
        # Of the batches that were taken: most bytes, and most events.
        self.largest, self.most = 0, 0
        self.lock = threading.Lock()
        self.address = "http://127.0.0.1:%d" % self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def count(self, what):
        return sum(1 for asked in self.asked if asked == what)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        gate = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        service = "logs"
        try:
            key, service = self.check_signature(body)
            plain = gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            with gate.lock:
                action = self.check_content(service, key, plain)
            status, headers, answer = self.pass_on(plain)
            if action == "AssumeRole" and status == 200:
                self.remember(answer)
        except Refused as refused:
            with gate.lock:
                gate.refused.append(f"{refused.kind}: {refused.message}")
            status, headers, answer = self.refuse(service, refused)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def check_signature(self, body):
        gate = self.server
        found = AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
        if not found:
            raise Refused("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
        if found["id"] not in gate.keys:
            raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
        secret, token = gate.keys[found["id"]]
        if self.headers.get("X-Amz-Security-Token") != token:
            raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
        if found["region"] != gate.region or found["service"] not in ("logs", "sts"):
            raise Refused("InvalidSignatureException", f"Credential should be scoped to a valid region, not {found['region']}")
        date = self.headers["X-Amz-Date"]
        at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        if not date.startswith(found["date"]) or abs(datetime.now(timezone.utc) - at) > timedelta(minutes=5):
            raise Refused("InvalidSignatureException", f"Signature expired: {date}")

        signed = found["signed"].split(";")
        must = {"host", *(name.lower() for name in self.headers if name.lower().startswith("x-amz-"))}
        must |= {name for name in ("content-type", "content-encoding") if name in self.headers}
        if not must <= set(signed):
            raise Refused("InvalidSignatureException", f"not signed: {must - set(signed)}")
        headers = {name: self.headers[name] for name in signed}
        request = AWSRequest(self.command, f"http://{self.headers['Host']}{self.path}", headers, body)
        request.context["timestamp"] = date
        auth = SigV4Auth(Credentials(found["id"], secret), found["service"], found["region"])
        canonical = auth.canonical_request(request)
        if auth.signature(auth.string_to_sign(request, canonical), request) != found["signature"]:
            raise Refused(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
                "signing method. Consult the service documentation for details.",
            )
        return found["id"], found["service"]

    def check_content(self, service, key, plain):
        gate = self.server
        if service == "sts":
            form = parse_qs(plain.decode("utf-8"))
            gate.asked.append("AssumeRole")
            if form["Action"] != ["AssumeRole"] or form.get("ExternalId") != [gate.external_id]:
                raise Refused("AccessDenied", "User is not authorized to perform: sts:AssumeRole", 403)
            return "AssumeRole"
        if self.headers["Content-Type"] != "application/x-amz-json-1.1" or self.path != "/":
            raise Refused("UnknownOperationException", "", 404)
        action = self.headers["X-Amz-Target"].removeprefix("Logs_20140328.")
        gate.asked.append(action)
        if key in gate.expired:
            raise Refused("ExpiredTokenException", "The security token included in the request is expired")
        if action == "PutLogEvents":
            size, events = check_events(json.loads(plain)["logEvents"])
            if gate.throttle > 0:
                gate.throttle -= 1
                raise Refused("ThrottlingException", "Rate exceeded")
            if gate.expire_after is not None:
                gate.expire_after -= 1
                if gate.expire_after < 0:
                    gate.expire_after = None
                    gate.expired.add(key)
                    raise Refused("ExpiredTokenException", "The security token included in the request is expired")
            gate.largest, gate.most = max(gate.largest, size), max(gate.most, events)
        return action

    def pass_on(self, plain):
        connection = http.client.HTTPConnection(*self.server.moto, timeout=60)
        left_out = {"content-encoding", "content-length", "accept-encoding", "connection"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
        connection.request("POST", self.path, plain, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        keep = {"content-type", "x-amzn-requestid", "x-amzn-errortype", "date"}
        return answer.status, [(name, value) for name, value in answer.getheaders() if name.lower() in keep], text

    def remember(self, answer):
        given = xml.fromstring(answer).find(f".//{STS}Credentials")
        key, secret, token = (given.find(f"{STS}{name}").text for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        with self.server.lock:
            self.server.keys[key] = (secret, token)

    def refuse(self, service, refused):
        if service == "sts":
            text = (
                f'<ErrorResponse xmlns="{STS[1:-1]}"><Error><Type>Sender</Type><Code>{refused.kind}</Code>'
                f"<Message>{refused.message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
            )
            return refused.status, [("Content-Type", "text/xml")], text.encode()
        text = json.dumps({"__type": refused.kind, "message": refused.message})
        return refused.status, [("Content-Type", "application/x-amz-json-1.1")], text.encode()


def check_events(events):
    """How many bytes and events a batch has."""

    def invalid(message):
        raise Refused("InvalidParameterException", message)

    times = [event["timestamp"] for event in events]
    sizes = [len(event["message"].encode("utf-8")) + 26 for event in events]
    if not 1 <= len(events) <= 10_000:
        invalid(f"{len(events)} events")
    if sum(sizes) > 1_048_576:
        invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of 1048576")
    if times != sorted(times):
        invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times[-1] - times[0] >= 86_400_000:
        invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return sum(sizes), len(events)
