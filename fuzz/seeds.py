#!/usr/bin/env python3
"""Writes the first inputs of the fuzz targets: the examples and the test manifests of the repository, and
answers of servers as their documentation describes them.

    fuzz/seeds.py FOLDER

writes FOLDER/TARGET/NAME. `fuzz/run` adds those that reach new code to the corpus.
"""

import io
import struct
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CANARY = "xK9canary"
ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/ci-AbCdEf"


def texts(*patterns):
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            yield path.read_bytes()


def manifest():
    yield from texts("examples/*.yaml", "tests/manifests/*/*.yaml")


def render():
    yield from texts("examples/*.yaml", "tests/manifests/valid/*.yaml")


def adapter():
    for text in texts("examples/adapters/**/*.yaml", "tests/manifests/**/*.yaml", "fuzz/adapters/*.yaml"):
        if b"authenticate:" in text:
            yield text


def schedule():
    expressions = """
        rate(4 hours) rate(1 day) rate(30 days) rate(999 days) rate(3 hours) cron(0_8_?_*_SUN_*)
        cron(0_/4_*_*_?_*) cron(0_4/12_1_*_?_*) cron(0_2/10_L_*_?_*) cron(0_0_31_*_?_*) cron(0_0_29_2_?_*)
        cron(0_0_30_2_?_*) cron(0_0_?_JAN-MAR,12_MON-FRI_*) cron(0_0_?_*_TUE#3_*) cron(0_0_?_*_SUNL_*)
        cron(0_0_?_*_L_*) cron(0_12_1/7_1/3_?_*) cron(0_0_?_*_2#5_*) cron(0_23_1-5,L_*_?_*) cron(0_*_*_*_?_*)
    """
    words = [word.replace("_", " ") for word in expressions.replace("rate(", "rate(").split()]
    # `rate(4 hours)` is two words above.
    joined, part = [], ""
    for word in words:
        part = f"{part} {word}".strip()
        if part.endswith(")"):
            joined.append(part)
            part = ""
    for index, expression in enumerate(joined):
        for window in ["", "1h", "3h", "24h"]:
            yield f"{expression}\n{window}\n{1_700_000_000 + 86_399 * index}".encode()


def event():
    step = '{"Step":"%s","SecretId":"%s","ClientRequestToken":"6f1f4a3e-token","RotationToken":"%s"}'
    for name in ["createSecret", "setSecret", "testSecret", "finishSecret", "other"]:
        yield (step % (name, ARN, CANARY)).encode()
    for text in [
        f'{{"keyrota":"sweep","secrets":["{ARN}","{ARN}","{ARN[:-6]}GhIjKl"]}}',
        f'{{"keyrota":"check","secret":"{ARN}"}}',
        f'{{"keyrota":"check","secret":"{ARN}","version":"{CANARY}"}}',
        f'{{"keyrota":"drop_user","secret":"{ARN}"}}',
        f'{{"keyrota":"sweep","secrets":[]}}',
        f'{{"keyrota":7,"Step":null,"SecretId":[]}}',
        "[]",
        "null",
        '"x"',
        '{"Step":"createSecret","SecretId":"prod/ci","ClientRequestToken":""}',
    ]:
        yield text.encode()


def value():
    for choice in range(16):
        for text in [
            '{"accesskey":"AKIAIOSFODNN7EXAMPLE","secretkey":"%s","username":"ci","secretarn":"a"}' % CANARY,
            '{ "x":1e400, "id":"AKIAIOSFODNN7EXAMPLE",\n "key":"%s","z":"%s", "bucket":{"a":[1.0]} }'
            % (CANARY, CANARY),
            '{"AWS_ACCESS_KEY_ID":"AKIAIOSFODNN7EXAMPLE","AWS_SECRET_ACCESS_KEY":"%s","smtp_username":"a",'
            '"smtp_password":"b","smtp_password_eu_west_1":"c"}' % CANARY,
            '{"engine":"postgres","host":"db.example","port":5432,"dbname":"orders","username":"app",'
            '"password":"%s","masterarn":"%s"}' % (CANARY, ARN),
            '{"engine":"mysql","host":"DB.example","port":"3306","user":"app","DB_PASSWORD":"%s","password":"%s"}'
            % (CANARY, CANARY),
            '{"username":"app","a":"%s","b":"%s","c":""}' % (CANARY, CANARY),
            '{"username":"app","\\u0070assword":null,"password":"%s"}' % CANARY,
            '{"username":"app"}',
            "{}",
        ]:
            yield bytes([choice]) + text.encode()
    yield b"\0[]"
    yield b"\0" + CANARY.encode()


def template():
    """The resources of the rendered stacks, a few at a time: whole stacks are long."""
    for path in sorted(ROOT.glob("src/render/tests/snapshots/*-stack.snap")):
        text = path.read_text()
        start = text.find("AWSTemplateFormatVersion")
        if start < 0:
            continue
        lines = text[start:].splitlines(keepends=True)
        resources = lines.index("Resources:\n") if "Resources:\n" in lines else None
        if resources is None:
            continue
        yield "".join(lines[:resources]).encode()
        parts, part = [], []
        for line in lines[resources + 1 :]:
            if line[0] not in " \n#":
                break
            if line.startswith("  ") and line[2] not in " #\n" and part:
                parts.append(part)
                part = []
            part.append(line)
        for part in parts[::3]:
            yield ("Resources:\n" + "".join(part)).encode()
    for text in [
        "a: &a [1, !Ref X]\nb: *a\n",
        'Resources: {A: {Type: "AWS::IAM::Role", Properties: {Name: !Sub "${AWS::Region}-${!x}-${B}"}}}\n',
        '{"Resources":{"A":{"Type":"T","Properties":{"Name":{"Fn::GetAtt":["B","Arn"]},"Code":{"S3Bucket":'
        '{"Ref":"ArtifactBucket"},"S3Key":"k","S3ObjectVersion":{"Fn::If":["C","7",{"Ref":"AWS::NoValue"}]}}}}}}',
        "x: !!str 1\ny: !!int 0x1f\nz: [~, .inf, -1.5e3, 0o17, 0b1, 1_000, '1', \"\\u00e9\"]\n",
        "text: |-\n  a\n   b\nfolded: >+\n  c\n\n  d\n\n",
    ]:
        yield text.encode()


def packets(choice, call, repeat, *contents):
    framed = b"".join(struct.pack("<H", len(content)) + content for content in contents)
    return bytes([choice, call, repeat]) + framed


def greeting(version, plugin):
    """Protocol::HandshakeV10."""
    capabilities = 0x00FF_FFFF
    return (
        b"\x0a" + version + b"\0" + struct.pack("<I", 7) + b"12345678" + b"\0"
        + struct.pack("<H", capabilities & 0xFFFF) + b"\x2d" + struct.pack("<H", 2)
        + struct.pack("<H", capabilities >> 16) + bytes([21]) + bytes(10) + b"123456789012\0" + plugin + b"\0"
    )


def text_of(value):
    return bytes([len(value)]) + value if len(value) < 251 else b"\xfc" + struct.pack("<H", len(value)) + value


def result(*rows):
    """A text result set with as many columns as the first row has."""
    end = b"\xfe\0\0\2\0"
    count = len(rows[0]) if rows else 1
    yield bytes([count])
    for _ in range(count):
        yield b"\x03def" + b"\0" * 4 + b"\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0"
    yield end
    for row in rows:
        yield b"".join(b"\xfb" if column is None else text_of(column) for column in row)
    yield end


def mysql():
    ok, refused = b"\0\0\0\2\0\0\0", b"\xff\x15\x04#28000Access denied"
    mysql8 = greeting(b"8.4.0", b"caching_sha2_password")
    maria = greeting(b"5.5.5-10.11.6-MariaDB", b"mysql_native_password")
    own = list(result([b"orders_app@%"]))
    created = list(
        result([
            b"CREATE USER `orders_app`@`%` IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$x' REQUIRE SSL WITH "
            b"MAX_USER_CONNECTIONS 5 PASSWORD EXPIRE INTERVAL 90 DAY ACCOUNT UNLOCK FAILED_LOGIN_ATTEMPTS 3 "
            b"PASSWORD_LOCK_TIME 2"
        ])
    )
    grants = list(result([b"GRANT SELECT, INSERT ON `shop`.* TO `orders_app`@`%` WITH GRANT OPTION"],
                         [b"GRANT `readers`@`%` TO `orders_app`@`%`"]))
    accounts = list(result([b"%", b"caching_sha2_password"], [b"10.0.0.%", None]))
    switch = b"\xfe" + b"mysql_native_password\0" + b"12345678901234567890\0"
    for engine, hello in [(0, mysql8), (1, maria)]:
        for call in range(0, 176, 4):
            rest = own + created + accounts + grants + created + [ok] * 4
            yield packets(engine | 4, call, 0, hello, ok, *rest)
        yield packets(engine, 32, 0, hello, switch, ok, *own, *created, *accounts)
        yield packets(engine | 2, 32, 0, hello, b"\x01\x03", ok, *own)
        yield packets(engine | 2, 32, 0, hello, b"\x01\x04", ok, *own)
        yield packets(engine, 32, 0, hello, b"\xfe" + b"mysql_clear_password\0")
        yield packets(engine, 32, 0, hello, b"\xfe" + b"client_ed25519\0" + b"1" * 32)
        yield packets(engine, 32, 0, hello, refused)
        yield packets(engine, 0, 4, hello, ok, *result([b"x" * 3_000]))
        yield packets(engine, 0, 0, b"\xff\x10\x04Too many connections")
    yield bytes([8, 0, 0]) + struct.pack("<I", len(mysql8)) + mysql8


def messages(choice, call, repeat, *contents):
    framed = b"".join(kind + struct.pack("<H", len(content)) + content for kind, content in contents)
    return bytes([choice, call, repeat]) + framed


def rows(*rows):
    columns = len(rows[0]) if rows else 1
    field = b"x\0" + struct.pack(">IHIhih", 0, 0, 25, -1, -1, 0)
    yield b"T", struct.pack(">H", columns) + field * columns
    for row in rows:
        cells = b"".join(struct.pack(">i", -1) if it is None else struct.pack(">i", len(it)) + it for it in row)
        yield b"D", struct.pack(">H", columns) + cells
    yield b"C", b"SELECT 1\0"
    yield b"Z", b"I"


def postgres():
    login = [(b"R", struct.pack(">I", 0)), (b"S", b"server_version\x0017.2\0"), (b"K", bytes(8)), (b"Z", b"I")]
    scram = (b"R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0")
    more = (b"R", struct.pack(">I", 11) + b"r=x,s=QSXCR+Q6sek8bf92,i=4096")
    refused = (b"E", b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0Rauth_failed\0\0")
    notice = (b"N", b"SWARNING\0VWARNING\0C01007\0Mno privileges were granted\0\0")
    own = list(rows([b"orders_app"]))
    for call in range(0, 176, 4):
        rest = own + list(rows([b"1700000000"])) + list(rows([b"-1", b"3", b"f"])) + list(rows([b"scram-sha-256"]))
        yield messages(4, call, 0, *login, *rest, *rows([b"t", b"orders_app"]), notice, *rows())
    for choice in [0, 2]:
        yield messages(choice, 32, 0, (b"R", struct.pack(">I", 3)), *login, *own)
        yield messages(choice, 32, 0, (b"R", struct.pack(">I", 5) + b"salt"), *login, *own)
        yield messages(choice, 32, 0, scram, more, refused)
        yield messages(choice, 32, 0, scram, refused)
        yield messages(choice, 32, 0, *login, (b"E", b"SERROR\0VERROR\0C42501\0Mno\0\0"), (b"Z", b"I"))
        yield messages(choice, 0, 5, *login, *own[:2], (b"N", b"SNOTICE\0VNOTICE\0C00000\0Mx\0\0"))
    yield bytes([8, 0, 0]) + b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"


def http():
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"user":{"name":"billing"}}'[:-2] + b"}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"kept":true}',
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 422 X\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n{\"error\":\"weak_password\"\r\n1\r\n}\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nConnection: close\r\n\r\n" + CANARY.encode(),
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n" + b"a" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n\xfe\xfd" + b"a" * 1000,
        b"HTTP/2 200\r\n\r\n",
    ]
    for choice in [0, 1, 4, 5]:
        for adapter_number in [0, 1]:
            for answer in answers:
                yield bytes([choice, adapter_number]) + answer
    for choice in [2, 3]:
        for outcome in ["success", "refused", "password_rejected", "unreachable", "unclear", "other"]:
            yield bytes([choice, 0]) + f'{{"version":1,"outcome":"{outcome}","code":"HTTP 409"}}'.encode()
        yield bytes([choice, 0]) + b'{"version":1,"outcome":"success","previous":"works"}'
        yield bytes([choice, 0]) + b'{"version":2,"outcome":"success"}'
        yield bytes([choice, 0]) + b'{"outcome":"refused","code":"%s\\n"}' % CANARY.encode()


def smtp():
    cut = b"\xfe\xfd"
    hello, offers = b"220 ready\r\n", b"250-mail\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
    login = b"250-mail\r\n250 AUTH LOGIN\r\n"
    for text in [
        b"\4" + cut.join([hello, offers, b"220 go\r\n"]),
        b"\4" + cut.join([hello, offers, b"220 go\r\n250 injected\r\n"]),
        b"\4" + cut.join([hello, b"250 mail\r\n"]),
        b"\4" + cut.join([b"554-no\r\n554 no\r\n"]),
        b"\2" + cut.join([hello, offers, b"235 in\r\n"]),
        b"\0" + cut.join([offers, b"235 in\r\n", b"221 bye\r\n"]),
        b"\0" + cut.join([offers, b"535 " + CANARY.encode() + b"\r\n"]),
        b"\0" + cut.join([offers, b"454 later\r\n"]),
        b"\0" + cut.join([login, b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 in\r\n"]),
        b"\0" + cut.join([login, b"334 VXNlcm5hbWU6\r\n", b"535 no\r\n"]),
        b"\0" + b"250 mail\r\n",
        b"\5" + b"220-again\r\n",
        b"\1" + b"250 x",
        b"\0" + b"+25 x\r\n",
    ]:
        yield text


def executable(machine, linker):
    """An ELF file that needs libc.so.6, as src/bundle/sample.rs writes one."""
    base = 0x40_0000
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
        "<HHIQQQIHHHHHH", 3, machine, 1, base, 64, 0, 0, 64, 56, 3, 64, 0, 0)
    path = linker + b"\0"
    at = 64 + 3 * 56
    strings = b"\0libc.so.6\0GLIBC_2.34\0"
    strings_at = at + len(path)
    versions_at = (strings_at + len(strings) + 7) // 8 * 8
    versions = struct.pack("<HHIII", 1, 1, 1, 16, 0) + struct.pack("<IHHII", 0, 0, 2, 11, 0)
    dynamic_at = versions_at + len(versions)
    table = [(1, 1), (5, base + strings_at), (10, len(strings)), (0x6FFFFFFE, base + versions_at), (0x6FFFFFFF, 1), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in table)
    end = dynamic_at + len(dynamic)
    segment = lambda kind, offset, size: struct.pack(
        "<IIQQQQQQ", kind, 5, offset, base + offset, base + offset, size, size, 8)
    segments = segment(1, 0, end) + segment(2, dynamic_at, len(dynamic)) + segment(3, at, len(path))
    body = header + segments + path + strings
    return body + bytes(versions_at - len(body)) + versions + dynamic


def package():
    x86 = executable(62, b"/lib64/ld-linux-x86-64.so.2")
    arm = executable(183, b"/lib/ld-linux-aarch64.so.1")

    def zipped(*entries, method=zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, content, mode in entries:
                info = zipfile.ZipInfo(name)
                info.external_attr = mode << 16
                info.compress_type = method
                archive.writestr(info, content)
        return out.getvalue()

    whole = zipped(("bootstrap", x86, 0o100755), ("tls/a.pem", b"a", 0o100644), ("pins/1.json", b"{}", 0o100644))
    yield b"\0" + whole
    yield b"\1" + whole
    yield b"\1" + zipped(("bootstrap", arm, 0o100755), method=zipfile.ZIP_STORED)
    yield b"\0" + zipped(("bootstrap", x86, 0o100755), method=zipfile.ZIP_STORED)
    yield b"\0" + zipped(("bootstrap", x86, 0o100644))
    yield b"\0" + zipped(("a/bootstrap", x86, 0o100755), ("bootstrap/", b"", 0o40755))
    yield b"\0" + whole[: len(whole) // 2]
    yield b"\0PK\x05\x06" + bytes(18)


def main():
    folder = Path(sys.argv[1])
    for target in [adapter, event, http, manifest, mysql, package, postgres, render, schedule, smtp, template, value]:
        into = folder / target.__name__
        into.mkdir(parents=True, exist_ok=True)
        for index, content in enumerate(target()):
            (into / f"seed-{index:03}").write_bytes(content)


if __name__ == "__main__":
    main()
