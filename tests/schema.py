#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Messages, a line each, beside what they may say.

schema.py check SCHEMA FILE     each line is one JSON object that the schema
                                takes (python3-jsonschema, draft 2020-12)
schema.py records SCHEMAS FILE  lines of picket-replay --records
schema.py bus SCHEMAS FILE      "topic TAB json": each by its topic
schema.py cef|syslog FILE       each line is one of RFC 5424; CEF's is CEF 0
schema.py same PROFILE ONE TWO  the texts of messages ONE come back from TWO
schema.py selftest SCHEMAS      each schema is one, and refuses another key

Prints how many; the first that is wrong, and status 1.
"""
import json
import re
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)


class Wrong(Exception):
    pass


def pairs(items):
    keys = [k for k, _ in items]
    if len(keys) != len(set(keys)):
        raise Wrong("a key is there twice")
    return dict(items)


def lines(path):
    with open(path, "rb") as f:
        for n, line in enumerate(f, 1):
            if not line.endswith(b"\n"):
                raise Wrong(f"line {n} has no end")
            text = line[:-1].decode("utf-8", "strict")
            if re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]", text):
                raise Wrong(f"line {n} has a control character: {text[:200]!r}")
            yield n, text


def schema(folder, word):
    with open(f"{folder}/{word}.schema.json") as f:
        return Draft202012Validator(json.load(f))


def take(validator, n, text):
    message = json.loads(text, object_pairs_hook=pairs)
    for e in validator.iter_errors(message):
        where = "/".join(str(p) for p in e.absolute_path)
        raise Wrong(f"line {n}: {where or 'top'}: {e.message[:300]}")
    return message


def check(path, file):
    with open(path) as f:
        validator = Draft202012Validator(json.load(f))
    return sum(1 for n, text in lines(file) if take(validator, n, text))


def records(folder, file):
    by = {w: schema(folder, w) for w in ("threat", "hit", "flow")}
    n = 0
    for n, text in lines(file):
        take(by[json.loads(text).get("record", "threat")], n, text)
    return n


def bus(folder, file):
    seen = {}
    for n, text in lines_of_bus(file):
        topic, message = text
        m = re.fullmatch(r"v1/([a-z]+)/([a-z0-9-]+/)?", topic)
        if not m:
            raise Wrong(f"line {n}: topic {topic!r}")
        word = m.group(1)
        if word == "test":  # a sample, told by its kind
            word = m.group(2).rstrip("/").split("-")[0]
            word = word if word in ("hit", "hb", "stats") else "threat"
        if word not in seen:
            seen[word] = [schema(folder, word), 0]
        take(seen[word][0], n, message)
        seen[word][1] += 1
    for word, (_, count) in sorted(seen.items()):
        print(f"# {word} {count}")
    return sum(c for _, c in seen.values())


def lines_of_bus(file):
    with open(file, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            yield n, line.rstrip("\n").split("\t", 1)


# RFC 5424 section 6, with the lengths of its ABNF.
HEADER = re.compile(
    r"<(?P<pri>0|[1-9][0-9]{0,2})>1 "
    r"(?P<time>-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<proc>[!-~]{1,128}) "
    r"(?P<msgid>[!-~]{1,32}) ")
SD_NAME = r"[!#-<>-\\^-~]{1,32}"
SD = re.compile(
    rf'\[(?P<id>{SD_NAME})(?P<params>(?: {SD_NAME}="(?:[^"\\\]]|\\.)*")*)\]')
PARAM = re.compile(rf' ({SD_NAME})="((?:[^"\\\]]|\\.)*)"')
CEF = re.compile(r"CEF:0((?:\|(?:[^|\\]|\\[|\\])*){6})\|(.*)")
EXT = re.compile(r"(?:^| )([A-Za-z0-9]+)=((?:[^=\\]|\\[=\\nr])*?)(?= [A-Za-z0-9]+=|$)")


def header(n, text):
    m = HEADER.match(text)
    if not m or int(m.group("pri")) > 191:
        raise Wrong(f"line {n} has no header: {text[:200]!r}")
    return text[m.end():]


def read_syslog(n, text):
    rest = header(n, text)
    m = SD.match(rest)
    if not m or not re.fullmatch(r" [ -~]*", rest[m.end():]):
        raise Wrong(f"line {n} has no structured data: {rest[:200]!r}")
    out = {}
    for name, value in PARAM.findall(m.group("params")):
        out.setdefault(name, []).append(re.sub(r'\\(["\\\]])', r"\1", value))
    return out


def read_cef(n, text):
    rest = header(n, text)
    m = CEF.fullmatch(rest[2:]) if rest.startswith("- ") else None
    if not m:
        raise Wrong(f"line {n} is no CEF: {rest[:200]!r}")
    out, at = {}, 0
    for e in EXT.finditer(m.group(2)):
        if e.start() != at:
            raise Wrong(f"line {n}: extension: {m.group(2)[at:at + 100]!r}")
        out[e.group(1)] = [re.sub(r"\\([=\\])", r"\1", e.group(2))]
        at = e.end()
    if at != len(m.group(2)):
        raise Wrong(f"line {n}: extension: {m.group(2)[at:at + 100]!r}")
    return out


def text_profile(read, file):
    n = 0
    for n, text in lines(file):
        read(n, text)
    return n


# Where a profile has what the message says.
PLACES = {
    "syslog": {"id": "id", "sensor": "sensor", "offender": "offender",
               "indicator.value": "indicator", "indicator.id": "indicator_id",
               "indicator.tags": "tags", "indicator.threat_type": "threat_type",
               "indicator.attribution": "attribution", "details.name": "name",
               "indicator.feeds": "feed"},
    "cef": {"id": "externalId", "sensor": "dvchost", "indicator.value": "cs1",
            "indicator.id": "cs6", "indicator.threat_type": "cat",
            "details.name": "destinationDnsDomain"},
    "eve": {"sensor": "host", "id": "alert.metadata.picket_id",
            "indicator.value": "alert.metadata.indicator",
            "indicator.id": "alert.metadata.indicator_id",
            "indicator.tags": "alert.metadata.tag",
            "indicator.attribution": "alert.metadata.attribution",
            "indicator.feeds": "alert.metadata.feed",
            "details.name": "alert.metadata.name_seen"},
    "ecs": {"id": "event.id", "sensor": "observer.name",
            "indicator.value": "threat.indicator.name", "indicator.tags": "tags",
            "indicator.feeds": "picket.feeds",
            "indicator.threat_type": "threat.indicator.description",
            "details.name": "dns.question.name"},
    "sdn": {"indicator.value": "value", "indicator.threat_type": "threat_type",
            "details.name": "dns_name"},
}


def at(o, path):
    for key in path.split("."):
        o = o.get(key, {}) if isinstance(o, dict) else {}
    if o == {} or o == "":
        return []
    return [str(x) for x in o] if isinstance(o, list) else [str(o)]


def same(profile, one, two):
    read = {"syslog": read_syslog, "cef": read_cef}.get(
        profile, lambda n, t: json.loads(t))
    n = 0
    for (n, message), (_, line) in zip(lines(one), lines(two), strict=True):
        message, got = json.loads(message), read(n, line)
        for here, there in PLACES[profile].items():
            a = at(message, here)
            b = got.get(there, []) if profile in ("syslog", "cef") else at(got, there)
            if [x for x in a if x] != [x for x in b if x]:
                raise Wrong(f"line {n}: {here} is {a!r}, {profile} says {b!r}")
    return n


def open_objects(s, path=""):
    """Objects with members that take others, too: a hole in the schema."""
    if isinstance(s, list):
        for i, v in enumerate(s):
            yield from open_objects(v, f"{path}/{i}")
    if not isinstance(s, dict):
        return
    inside = path.rsplit("/", 1)[-1] in ("if", "then", "else")
    if s.get("properties") and s.get("type") == "object" and not inside \
            and "additionalProperties" not in s:
        yield path
    for k, v in s.items():
        if k not in ("if", "then", "else"):
            yield from open_objects(v, f"{path}/{k}")


def selftest(folder):
    import glob
    n = 0
    for path in sorted(glob.glob(f"{folder}/*.schema.json")):
        with open(path) as f:
            s = json.load(f)
        Draft202012Validator.check_schema(s)
        if s["$schema"] != "https://json-schema.org/draft/2020-12/schema":
            raise Wrong(f"{path}: another draft")
        for hole in open_objects(s):
            raise Wrong(f"{path}: {hole} takes any key")
        if Draft202012Validator(s).is_valid({"unheard-of": 1}):
            raise Wrong(f"{path} takes a key that it does not know")
        n += 1
    return n


COMMANDS = {
    "check": check, "records": records, "bus": bus, "same": same,
    "selftest": selftest,
    "cef": lambda file: text_profile(read_cef, file),
    "syslog": lambda file: text_profile(read_syslog, file),
}

if __name__ == "__main__":
    try:
        count = COMMANDS[sys.argv[1]](*sys.argv[2:])
    except (Wrong, ValueError) as e:
        print(f"# {e}")
        sys.exit(1)
    if not count:
        print("# nothing to look at")
        sys.exit(1)
    print(f"# {count}")
