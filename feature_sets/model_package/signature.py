"""Signatures of model packages with a key of the user's own.

A signature is a file beside the others, ``model.sig``. It is a Sigstore bundle with a DSSE envelope around an
in-toto statement (https://in-toto.io/Statement/v1) that names every file of the package with its SHA-256, in
the form of OpenSSF Model Signing 1.0. So its ``verify key`` knows signatures of elliptic curves, too.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import file_sha256

SIGNATURE_FILE = "model.sig"

_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_PAYLOAD = "application/vnd.in-toto+json"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_KEY_BLOCK = re.compile(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.S)

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


def private_key(text: str) -> PrivateKey:
    """The key of a PEM text.

    :raises InputError: unless it is an Ed25519 key or one of an elliptic curve, without a password.
    """
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            "signing key", "must be a private key in PEM, without a password", "another"
        ) from error
    if not isinstance(key, PrivateKey):
        raise InputError("signing key", "must be of Ed25519 or an elliptic curve", type(key).__name__)
    return key


def public_keys(text: str) -> list[PublicKey]:
    """The keys of a PEM text; there are several while one replaces another.

    :raises InputError: unless there is one, and each is of Ed25519 or an elliptic curve.
    """
    found: list[PublicKey] = []
    for block in _KEY_BLOCK.findall(text):
        try:
            key = serialization.load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InputError("verify key", "must be a public key in PEM", "a damaged one") from error
        if not isinstance(key, PublicKey):
            raise InputError("verify key", "must be of Ed25519 or an elliptic curve", type(key).__name__)
        found.append(key)
    if not found:
        raise InputError("verify key", "must be a public key in PEM", "none")
    return found


def sign_package(directory: Path, names: Iterable[str], key: PrivateKey) -> Path:
    """Write the signature of the files of a package; answers where it is.

    :param directory: of the package.
    :param names: of its files.
    """
    digests = {name: file_sha256(directory / name) for name in sorted(names)}
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": directory.name, "digest": {"sha256": root}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE_FILE],
            },
            "resources": [
                {"name": name, "algorithm": "sha256", "digest": digest} for name, digest in digests.items()
            ],
        },
    }
    payload = json.dumps(statement, sort_keys=True).encode()
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [
                {"sig": base64.b64encode(_signature(key, _framed(payload))).decode(), "keyid": ""}
            ],
        },
    }
    path = directory / SIGNATURE_FILE
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return path


def check_signature(directory: Path, names: Iterable[str], keys: Iterable[PublicKey]) -> None:
    """Raise ModelPackageError unless one of the keys has signed exactly these files as they are.

    :param directory: of the package.
    :param names: of its files.
    """
    payload, signature = _envelope(directory / SIGNATURE_FILE)
    if not any(_fits(key, signature, _framed(payload)) for key in keys):
        raise ModelPackageError(SIGNATURE_FILE, "must be made with the key that is trusted", "another one")
    signed = _signed_digests(payload)
    for name in sorted(names):
        actual = file_sha256(directory / name)
        if signed.get(name) != actual:
            rule = f"must be {signed[name]}, as signed" if name in signed else "must be signed"
            raise ModelPackageError(f"{name}: SHA-256", rule, actual)
    if more := sorted(signed.keys() - set(names)):
        raise ModelPackageError(SIGNATURE_FILE, "must sign no file that is not there", more)


def _envelope(path: Path) -> tuple[bytes, bytes]:
    """Payload and signature of a bundle."""
    try:
        envelope = json.loads(path.read_bytes())["dsseEnvelope"]
        (only,) = envelope["signatures"]
        payload, signature = (
            base64.b64decode(text, validate=True) for text in (envelope["payload"], only["sig"])
        )
        known = envelope["payloadType"] == _PAYLOAD
    except FileNotFoundError as error:
        raise ModelPackageError(
            SIGNATURE_FILE, "must be in a package that is to be trusted", "none"
        ) from error
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelPackageError(SIGNATURE_FILE, "must be a bundle with one signature", str(error)) from error
    if not known:
        raise ModelPackageError(SIGNATURE_FILE, f"must hold {_PAYLOAD}", envelope["payloadType"])
    return payload, signature


def _signed_digests(payload: bytes) -> Mapping[str, str]:
    """Digests by file of a statement; the signature was checked before."""
    try:
        statement: dict[str, Any] = json.loads(payload)
        types = (statement["_type"], statement["predicateType"])
        resources = statement["predicate"]["resources"]
        digests = {one["name"]: one["digest"] for one in resources if one["algorithm"] == "sha256"}
        complete = len(digests) == len(resources)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ModelPackageError(SIGNATURE_FILE, "must state digests of files", str(error)) from error
    if types != (_STATEMENT, _PREDICATE) or not complete:
        raise ModelPackageError(SIGNATURE_FILE, f"must be a statement of {_PREDICATE} with SHA-256", types[1])
    return digests


def _framed(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, so that a type cannot be taken for another."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)


def _signature(key: PrivateKey, content: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    return key.sign(content, ec.ECDSA(_hash(key.curve)))


def _fits(key: PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
        else:
            key.verify(signature, content, ec.ECDSA(_hash(key.curve)))
    except InvalidSignature:
        return False
    return True


def _hash(curve: ec.EllipticCurve) -> hashes.HashAlgorithm:
    """The digest that goes with a curve."""
    if curve.key_size <= 256:
        return hashes.SHA256()
    return hashes.SHA384() if curve.key_size <= 384 else hashes.SHA512()


def _hint(key: PublicKey) -> str:
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()
