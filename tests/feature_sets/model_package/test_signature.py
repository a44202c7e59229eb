"""Signatures of packages: what one covers, whose it is, and the form that OpenSSF's own program writes.

``signed_by_openssf`` was made once with ``model_signing sign key`` 1.1.1. Its ``verify key`` took ours, too.
"""

import base64
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.signature import (
    SIGNATURE_FILE,
    check_signature,
    private_key,
    public_keys,
    sign_package,
)

NAMES = ("model.onnx", "model.json", "golden.json")
KEYS = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
}
THEIRS = Path(__file__).with_name("signed_by_openssf")


def pem(key):
    """A key as it is in a file: a private one without a password."""
    if hasattr(key, "private_bytes"):
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return key.private_bytes(serialization.Encoding.PEM, *form).decode()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).write_text(f"content of {name}")
    return tmp_path


@pytest.fixture
def key():
    return ed25519.Ed25519PrivateKey.generate()


def changed(folder, change):
    """Change the bundle, and what its payload states, without signing it anew."""
    bundle = json.loads((folder / SIGNATURE_FILE).read_text())
    change(bundle)
    (folder / SIGNATURE_FILE).write_text(json.dumps(bundle))


@pytest.mark.parametrize("kind", KEYS)
def test_a_signature_fits_its_key_and_no_other(folder, kind):
    key, other = private_key(pem(KEYS[kind]())), KEYS[kind]()
    assert sign_package(folder, NAMES, key) == folder / SIGNATURE_FILE
    check_signature(folder, NAMES, public_keys(pem(key.public_key())))
    check_signature(folder, NAMES, public_keys(pem(other.public_key()) + pem(key.public_key())))
    with pytest.raises(ModelPackageError, match=r"model\.sig: must be made with the key that is trusted"):
        check_signature(folder, NAMES, [other.public_key()])


def test_a_key_of_another_kind_is_no_key_of_it(folder, key):
    sign_package(folder, NAMES, key)
    with pytest.raises(ModelPackageError, match="the key that is trusted"):
        check_signature(folder, NAMES, [KEYS["p256"]().public_key()])


@pytest.mark.parametrize("name", NAMES)
def test_every_file_counts(folder, key, name):
    sign_package(folder, NAMES, key)
    (folder / name).write_text("another one")
    with pytest.raises(ModelPackageError, match=rf"{name}: SHA-256: must be \w+, as signed"):
        check_signature(folder, NAMES, [key.public_key()])


def test_no_file_comes_in_and_none_is_left_out(folder, key):
    sign_package(folder, NAMES[:2], key)
    with pytest.raises(ModelPackageError, match=r"golden\.json: SHA-256: must be signed"):
        check_signature(folder, NAMES, [key.public_key()])
    sign_package(folder, NAMES, key)
    with pytest.raises(ModelPackageError, match=r"sign no file that is not there, got \['golden.json'\]"):
        check_signature(folder, NAMES[:2], [key.public_key()])


def test_a_package_without_a_signature_is_not_trusted(folder, key):
    with pytest.raises(ModelPackageError, match=r"model\.sig: must be in a package that is to be trusted"):
        check_signature(folder, NAMES, [key.public_key()])


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: bundle.clear(),
        lambda bundle: bundle["dsseEnvelope"].pop("payload"),
        lambda bundle: bundle["dsseEnvelope"].update(payload="no base64"),
        lambda bundle: bundle["dsseEnvelope"].update(payload=7),
        lambda bundle: bundle["dsseEnvelope"].update(payload=base64.b64encode(b"{}").decode()),
        lambda bundle: bundle["dsseEnvelope"].update(payloadType="text/plain"),
        lambda bundle: bundle["dsseEnvelope"].update(signatures=[]),
        lambda bundle: bundle["dsseEnvelope"]["signatures"].append({"sig": ""}),
        lambda bundle: bundle["dsseEnvelope"]["signatures"][0].update(sig=""),
    ],
)
def test_a_damaged_bundle_is_refused(folder, key, change):
    sign_package(folder, NAMES, key)
    changed(folder, change)
    with pytest.raises(ModelPackageError, match=r"^model\.sig: "):
        check_signature(folder, NAMES, [key.public_key()])


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"dsseEnvelope": null}'])
def test_what_is_no_bundle_is_refused(folder, key, content):
    (folder / SIGNATURE_FILE).write_bytes(content)
    with pytest.raises(ModelPackageError, match="must be a bundle with one signature"):
        check_signature(folder, NAMES, [key.public_key()])


@pytest.mark.parametrize("statement", [[], {}, {"_type": "x", "predicateType": "y", "predicate": None}])
def test_a_statement_of_something_else_is_refused_though_the_key_signed_it(folder, key, statement):
    payload = json.dumps(statement).encode()
    kind = b"application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    sign_package(folder, NAMES, key)

    def resign(bundle):
        bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
        bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(key.sign(signed)).decode()

    changed(folder, resign)
    with pytest.raises(ModelPackageError, match=r"model\.sig: must (state digests|be a statement)"):
        check_signature(folder, NAMES, [key.public_key()])


def test_a_signature_by_openssf_s_own_program_is_taken(tmp_path):
    keys = public_keys(THEIRS.with_suffix(".pub").read_text())
    check_signature(THEIRS, NAMES, keys)
    folder = shutil.copytree(THEIRS, tmp_path / "copy")
    (folder / "model.json").write_text("{ }")
    with pytest.raises(ModelPackageError, match=r"model\.json: SHA-256: must be \w+, as signed"):
        check_signature(folder, NAMES, keys)


@pytest.mark.parametrize(
    ("read", "text", "rule"),
    [
        (private_key, "", "signing key: must be a private key in PEM, without a password"),
        (private_key, "rsa", "signing key: must be of Ed25519 or an elliptic curve"),
        (public_keys, "", "verify key: must be a public key in PEM, got 'none'"),
        (public_keys, "rsa", "verify key: must be of Ed25519 or an elliptic curve"),
        (
            public_keys,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            "verify key: must be a public key in PEM, got 'a damaged one'",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_refused(read, text, rule):
    if text == "rsa":
        key = rsa.generate_private_key(65537, 1024)
        text = pem(key if read is private_key else key.public_key())
    with pytest.raises(InputError, match=rule):
        read(text)
