"""obstore's errors to kinds and words. It tells some apart by type only, others by what it prints of the answer."""

from __future__ import annotations

import re

from gitexp.datasets.remotes.protocol import Trouble

_NAMES = {
    "NoSuchBucket": Trouble("bucket", "there is no such bucket: create it, or correct url in [remotes.NAME]"),
    "NoSuchContainer": Trouble("bucket", "there is no such container: create it, or correct url in [remotes.NAME]"),
    "ContainerNotFound": Trouble("bucket", "there is no such container: create it, or correct url in [remotes.NAME]"),
    "PermanentRedirect": Trouble("bucket", "the bucket is in another region (say region = … in [remotes.NAME])"),
    "AuthorizationHeaderMalformed": Trouble("bucket", "the bucket is in another region (say region = …)"),
    "InvalidAccessKeyId": Trouble("credentials", "it does not know the access key"),
    "SignatureDoesNotMatch": Trouble("credentials", "the secret key is wrong"),
    "ExpiredToken": Trouble("credentials", "the credentials have expired"),
    "RequestTimeTooSkewed": Trouble("credentials", "this machine's clock is wrong"),
}


def trouble_of(error: Exception) -> Trouble:
    """What went wrong, for an error that obstore raised."""
    from obstore import exceptions

    text = str(error)
    said = text.partition("\n\nDebug source:")[0]
    code = re.search(r"<Code>(\w{1,64})</Code>", said)
    if code and code[1] in _NAMES:
        return _NAMES[code[1]]
    if "169.254.169.254" in said or "/api/token" in said or "security-credentials" in said:
        return Trouble("credentials", "no credentials were found (AWS_ACCESS_KEY_ID, AWS_PROFILE, ~/.aws/credentials)")
    if isinstance(error, FileNotFoundError):
        return Trouble("missing", "it is not there")
    if isinstance(error, exceptions.UnauthenticatedError):
        return Trouble("forbidden", "it asks for credentials (401 Unauthorized)")
    if isinstance(error, exceptions.PermissionDeniedError):
        return Trouble("forbidden", "access is forbidden (403 Forbidden); a bucket that may not be listed says so too")
    status = re.search(r"status code: (\d{3})((?: [A-Z][A-Za-z-]*)*)", said)
    if status:
        kind = "server" if status[1][0] == "5" or status[1] == "429" else "other"
        words = f"the server answered {status[1]}{status[2]}"
        return Trouble("server", words) if kind == "server" else Trouble("other", words)
    found = re.search(r"kind: (Timeout|Connect|Interrupted|Decode)", text)
    if found is None:
        return Trouble("other", said.strip().splitlines()[0][:200] if said.strip() else type(error).__name__)
    if found[1] == "Timeout":
        return Trouble("timeout", "it did not answer in time")
    if found[1] == "Connect":
        return Trouble("unreachable", "it cannot be reached")
    return Trouble("cut", "the connection broke off before all bytes had come")


def is_about_the_range(error: Exception) -> bool:
    """Whether only the wish to continue was refused: asked from the start, it may work."""
    from obstore import exceptions

    said = str(error).partition("\n\nDebug source:")[0]
    refused = "non-partial response" in said or "status code: 416" in said
    return refused or (isinstance(error, exceptions.NotSupportedError) and "ange" in said)
