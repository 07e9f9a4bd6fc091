#!/usr/bin/env python3
"""Check a bundle of `lineal prove` with Python's standard library and `cryptography` alone.

    python verify_bundle.py bundle.zip --key 'log.example/a+1a2b3c4d+AbC...'
    python verify_bundle.py bundle.zip --key ... --witness 'w1+...' --witness 'w2+...' --quorum 2

The key is that of the log, or of the log that covers it, if the bundle was made with --covered-by.
It says which steps happened to what: which bytes they read and made, by which code and models, who
did it and when. It ends with exit code 1 and the reason if anything is not as it was signed.
"""

import argparse
import base64
import hashlib
import json
import sys
import time
import zipfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Wrong(Exception):
    """Something in the bundle is not what it claims to be."""


def parse_key(vkey):
    """Name, id, type and key of a verifier key (c2sp.org/signed-note)."""
    name, key_id, material = vkey.split("+", 2)
    decoded = base64.b64decode(material, validate=True)
    if hashlib.sha256(name.encode() + b"\n" + decoded).digest()[:4].hex() != key_id:
        raise Wrong(f"the verifier key of {name} is not the one that its id names")
    return name, bytes.fromhex(key_id), decoded[0], Ed25519PublicKey.from_public_bytes(decoded[1:])


def signed_by(text, signatures, vkey):
    """Whether a note is signed by a key; a witness signs the time as well (tlog-cosignature)."""
    name, key_id, kind, public = parse_key(vkey)
    for line in signatures.splitlines():
        _dash, signer, encoded = line.split(" ")
        signature = base64.b64decode(encoded, validate=True)
        if signer != name or signature[:4] != key_id:
            continue
        signature, message = signature[4:], text.encode()
        if kind == 4:
            when = int.from_bytes(signature[:8], "big")
            signature, message = signature[8:], f"cosignature/v1\ntime {when}\n{text}".encode()
        try:
            public.verify(signature, message)
        except InvalidSignature:
            raise Wrong(f"the signature of {name} is wrong") from None
        return True
    return False


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def root_from(leaf, index, size, proof):
    """The root that a proof of inclusion leads to (RFC 9162, section 2.1.3.2)."""
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise Wrong("a proof is too long")
        if place & 1 or place == last:
            found = node(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node(found, sibling)
        place, last = place >> 1, last >> 1
    if last != 0 or index >= size:
        raise Wrong("a proof is too short")
    return found


def split_note(note):
    """The text of a signed note, and its signatures."""
    text, _, signatures = note.rpartition("\n\n")
    return text + "\n", signatures


def name_of(key):
    """The name of a log as its checkpoints begin with it."""
    return key.partition("+")[0] + "\n"


def checkpoint_of(proof):
    """The text of the checkpoint in a proof."""
    return split_note(proof.decode().partition("\n\n")[2])[0]


def covered(record):
    """The checkpoints of other logs that a record holds, each with the key that has signed it."""
    steps = [step["attributes"] for step in json.loads(record)["steps"] if "attributes" in step]
    return {split_note(has["checkpoint"])[0]: has["key"] for has in steps if "checkpoint" in has}


def check_record(record, proof, key, witnesses, quorum):
    """Check a record with its proof (c2sp.org/tlog-proof); returns its place and the log's size."""
    head, _, checkpoint = proof.decode().partition("\n\n")
    text, signatures = split_note(checkpoint)
    origin, size, root = text.splitlines()[:3]
    if origin != key.partition("+")[0] or not signed_by(text, signatures, key):
        raise Wrong(f"the checkpoint of {origin} is not signed with this key")
    if sum(signed_by(text, signatures, witness) for witness in witnesses) < quorum:
        raise Wrong(f"fewer than {quorum} of these witnesses have signed the checkpoint")
    first, *lines = head.splitlines()
    if first != "c2sp.org/tlog-proof@v1" or not lines[0].startswith("index "):
        raise Wrong("a proof is none")
    index = int(lines[0][6:])
    entry = hashlib.sha256(record).digest()
    leaf = hashlib.sha256(b"\0" + entry).digest()
    hashes = [base64.b64decode(line, validate=True) for line in lines[1:]]
    if root_from(leaf, index, int(size), hashes) != base64.b64decode(root):
        raise Wrong(f"record {index} is not in the log that was signed")
    return index, int(size)


def digest(short):
    return short[1:] if short.startswith(":") else base64.b64decode(short + "=").hex()


def describe(record):
    """What a record says, a line for each of its steps and for what each read and made."""
    said = json.loads(record)
    build = said.get("build")
    did = f"{said['actor']} on {said['worker']}"
    if build:
        did += f", {build['stage']} {build['version']} of code {digest(build['code'])[:16]}"
        for name, version, sha256 in build["models"]:
            did += f", model {name} {version} ({digest(sha256)[:16]})"
    for step in said.get("steps", []):
        at = (said["started"] + step.get("at", 0)) / 1_000_000
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
        yield f"{when}  {step.get('kind', 'step')}: {step.get('outcome', 'done')}, by {did}"
        for verb, name in (("read", "read"), ("made", "made")):
            for sha256, size, *role in step.get(name, []):
                yield f"    {verb} {digest(sha256)}  {size} bytes  {' '.join(role) or 'event'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--key", required=True, help="verifier key of the log")
    parser.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
    parser.add_argument("--quorum", type=int, default=0, help="how many of them must have signed")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.bundle) as bundle:
        manifest = json.loads(bundle.read("bundle.json"))
        print(f"about {manifest['about']}")
        trusted = arguments.key, arguments.witness, arguments.quorum
        checkpoints, cover = None, manifest.get("cover")
        if cover and checkpoint_of(bundle.read(cover["proof"])).startswith(name_of(arguments.key)):
            record = bundle.read(cover["record"])
            index, size = check_record(record, bundle.read(cover["proof"]), *trusted)
            print(f"covered by record {index} of {size} of another log")
            checkpoints = covered(record)
        for item in manifest["records"]:
            record, proof = bundle.read(item["record"]), bundle.read(item["proof"])
            if checkpoints is not None:
                trusted = checkpoints.get(checkpoint_of(proof), ""), [], 0
                if not trusted[0]:
                    raise Wrong("a checkpoint is not one that the log which covers it has recorded")
            index, size = check_record(record, proof, *trusted)
            print(f"record {index} of {size}")
            for line in describe(record):
                print(f"  {line}")
        for sha256 in manifest["objects"]:
            if hashlib.sha256(bundle.read(f"objects/{sha256}")).hexdigest() != sha256:
                raise Wrong(f"object {sha256} is not what its digest says")
            print(f"object {sha256}")
    count = len(manifest["records"])
    print(f"{count} records are in the log of {trusted[0].partition('+')[0]}")


if __name__ == "__main__":
    try:
        main()
    except (Wrong, ValueError, KeyError, zipfile.BadZipFile) as error:
        sys.exit(f"WRONG: {error}")
