#!/usr/bin/env python3
"""Golden vectors of the version 1 embeddings of OpenEXR files, computed apart from lib/exr and with nothing but the standard library.

    python3 tools/exr-golden.py test/golden/exr-payloads.json test/golden/exr-v1.json

The first file holds cases: {"name": {"payload": {...}}, "name": {"channels": [...]}}, each with an optional "dim". The second gets, for
each, the vector as base64 of little-endian float32, and the canonical JSON's SHA-256. docs/guide/EXR.md describes what is computed here.
"""
import base64
import hashlib
import json
import math
import struct
import sys

COMPRESSIONS = "none rle zips zip piz pxr24 b44 b44a dwaa dwab htj2k256 htj2k32".split()


def es_number(value):
    """A number as ECMAScript prints it (RFC 8785): the shortest digits that read back, exponents only from 1e21 and below 1e-6."""
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'
    value = float(value)
    if value == 0:
        return "0"
    sign, value = ("-", -value) if value < 0 else ("", value)
    mantissa, _, exponent = format_shortest(value)
    n = exponent + 1
    k = len(mantissa)
    if k <= n <= 21:
        return sign + mantissa + "0" * (n - k)
    if 0 < n <= 21:
        return sign + mantissa[:n] + "." + mantissa[n:]
    if -6 < n <= 0:
        return sign + "0." + "0" * -n + mantissa
    power = ("+" if n > 0 else "-") + str(abs(n - 1))
    point = mantissa[0] + ("." + mantissa[1:] if k > 1 else "")
    return sign + point + "e" + power


def format_shortest(value):
    """Digits, their count, and the exponent of the first."""
    digits, _, power = ("%r" % value).lower().partition("e")
    whole, _, part = digits.partition(".")
    exponent = int(power or 0) + len(whole) - 1
    mantissa = whole + part
    stripped = mantissa.lstrip("0")
    exponent -= len(mantissa) - len(stripped)
    mantissa = stripped.rstrip("0") or "0"
    return mantissa, len(mantissa), exponent


def canonical(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return es_number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"


def digest_values(digest):
    values = []
    for (value,) in struct.iter_unpack("<f", digest):
        values.append(value - math.floor(value) if math.isfinite(value) else 0.0)
    return values


def finish(values, dim):
    n = len(values)
    vector = [values[i % n] / (1 + i // n) if n else 0.0 for i in range(dim)]
    squares = 0.0
    for value in vector:
        squares += value * value
    length = math.sqrt(squares)
    if length < 1e-9:
        return [1 / math.sqrt(dim)] * dim
    return [value / length for value in vector]


def metadata(payload, dim):
    file, channels, parts = payload["file"], payload["channels"], payload["parts"]
    multiview = file.get("is_multiview")
    if multiview is None:
        multiview = any(part.get("view") is not None for part in parts)
    compression = parts[0].get("compression") if parts else None
    if compression is None:
        mapped = 0.0
    elif compression in COMPRESSIONS:
        mapped = COMPRESSIONS.index(compression) / 15
    else:
        mapped = 1.0
    deep = bool(file.get("is_deep")) or any(part.get("is_deep") for part in parts)
    features = [
        len(channels) / 64,
        len(parts) / 16,
        float(deep),
        float(any(part.get("is_tiled") for part in parts)),
        float(multiview),
        mapped,
    ]
    digest = hashlib.sha256(canonical(payload).encode("utf-8")).digest()
    return finish(features + digest_values(digest), dim)


def fingerprint(channels, dim):
    if not channels:
        return finish([], dim)
    count = len(channels)
    layers = {c["name"].rpartition(".")[0] for c in channels} - {""}
    types = ["uint" if c["type"] == "uint32" else c["type"] for c in channels]
    features = [
        count / 64,
        len(layers) / count,
        sum(c.get("x_sampling", 1) for c in channels) / (count * 2),
        sum(c.get("y_sampling", 1) for c in channels) / (count * 2),
        types.count("float") / count,
        types.count("half") / count,
        types.count("uint") / count,
        types.count("uint8") / count,
    ]
    names = sorted((c["name"] for c in channels), key=lambda name: name.encode("utf-16-be"))
    digest = hashlib.md5("\0".join(names).encode("utf-8")).digest()
    return finish(features + digest_values(digest), dim)


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        cases = json.load(file)
    golden = {}
    for name, case in cases.items():
        if "payload" in case:
            vector = metadata(case["payload"], case.get("dim", 384))
            sha = hashlib.sha256(canonical(case["payload"]).encode("utf-8")).hexdigest()
        else:
            vector = fingerprint(case["channels"], case.get("dim", 128))
            sha = hashlib.sha256(canonical(case["channels"]).encode("utf-8")).hexdigest()
        packed = base64.b64encode(struct.pack("<%df" % len(vector), *vector)).decode()
        golden[name] = {"canonical_sha256": sha, "vector": packed}
    with open(target, "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
