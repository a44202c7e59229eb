"""The user's own key that model packages are signed with."""

from __future__ import annotations

import os

import mlrun

from feature_sets.model_package.signature import PrivateKey, private_key
from feature_sets.secret_files import secret_of_file

SIGNING_KEY = "NETOPS_SIGNING_KEY"
"""Name of the secret, or with ``_FILE`` of the variable with the path, of a private key in PEM."""


def find_signing_key(context: mlrun.MLClientCtx) -> PrivateKey | None:
    """The key, from a secret of the project or a file that only its owner can read; None without one.

    :raises InputError: if there is one that cannot be used.
    """
    text = context.get_secret(SIGNING_KEY) or secret_of_file(os.environ, SIGNING_KEY)
    return private_key(str(text)) if text else None
