"""Well-known kinds of tokens are recognised wherever a program prints them, and ordinary output is left alone.

Every token is made here, at run time, of pieces: no scanner of pushed code finds one in this file.
"""

from __future__ import annotations

import random
from importlib import import_module
from pkgutil import iter_modules

import pytest
from servers import needs

from gitexp.redact import redact

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
HEX = DIGITS + "abcdef"


def drawn(length: int, alphabet: str = LETTERS + DIGITS) -> str:
    """Random characters, the same in every run, a digit and a letter among them."""
    draw = random.Random(f"{length} {alphabet}")
    return "".join(draw.choice(alphabet) for _ in range(length - 2)) + "7b"


def upper(length: int) -> str:
    return drawn(length).upper()


def key_block(kind: str, lines: int) -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----\n" + (drawn(64) + "\n") * lines + f"-----END {kind}PRIVATE KEY-----"


UUID = "-".join(drawn(n, HEX) for n in (8, 4, 4, 4, 12))

# kind → the line in which a program prints it, and the secret part
TOKENS = {
    "GitHub, classic": ("", "ghp" + "_" + drawn(36)),
    "GitHub, OAuth": ("token=", "gho" + "_" + drawn(36)),
    "GitHub, server": ("x-access-token:", "ghs" + "_" + drawn(36)),
    "GitHub, fine-grained": ("", "github" + "_pat_" + drawn(22) + "_" + drawn(59)),
    "GitLab": ("PRIVATE-TOKEN: ", "glpat" + "-" + drawn(20)),
    "GitLab runner": ("", "GR13" + "48941" + drawn(20)),
    "Hugging Face": ("", "hf" + "_" + drawn(34)),
    "OpenAI": ("", "sk" + "-" + drawn(48)),
    "OpenAI, project": ("OPENAI_API_KEY=", "sk" + "-proj-" + drawn(60)),
    "Anthropic": ("", "sk" + "-ant-api03-" + drawn(80)),
    "AWS key id": ("", "AK" + "IA" + upper(16)),
    "AWS temporary key id": ("", "AS" + "IA" + upper(16)),
    "AWS secret": ("aws_secret_access_key = ", drawn(40)),
    "AWS secret in a shell": ("export AWS_SECRET_ACCESS_KEY=", drawn(40)),
    "Google API": ("", "AI" + "za" + drawn(35)),
    "Google OAuth": ("", "ya29" + "." + drawn(60)),
    "Google client secret": ("", "GOC" + "SPX-" + drawn(28)),
    "Slack bot": ("", "xox" + "b-" + "123456789012-1234567890123-" + drawn(24)),
    "Slack user": ("", "xox" + "p-" + "123456789012-1234567890123-" + drawn(32)),
    "Slack webhook": ("https://hooks.slack.com/services/", "T0AB12CD3/B0AB12CD3/" + drawn(24)),
    "Stripe": ("", "sk" + "_live_" + drawn(24)),
    "Stripe, restricted": ("", "rk" + "_live_" + drawn(24)),
    "SendGrid": ("", "SG" + "." + drawn(22) + "." + drawn(43)),
    "npm": ("//registry.npmjs.org/:_authToken=", "npm" + "_" + drawn(36)),
    "PyPI": ("", "pypi" + "-AgEIcHlwaS5vcmc" + drawn(80)),
    "JWT": ("", "ey" + "J" + drawn(34) + "." + "ey" + "J" + drawn(40) + "." + drawn(43)),
    "Telegram": ("bot", "123456789:" + drawn(35)),
    "Discord": ("", "M" + drawn(23) + "." + drawn(6) + "." + drawn(27)),
    "Discord webhook": ("https://discord.com/api/webhooks/123456789012345678/", drawn(68)),
    "Twilio": ("", "SK" + drawn(32, HEX)),
    "database URL": ("postgresql://ada:", "hunter2-and-more" + "@db.example:5432/runs"),
    "MongoDB URL": ("mongodb+srv://ada:", "hunter2" + "@cluster0.example/x"),
    "basic auth URL": ("https://ada:", "hunter2" + "@example.org/x"),
    "private key": ("", key_block("RSA ", 8)),
    "OpenSSH key": ("", key_block("OPENSSH ", 5)),
    "Azure storage": ("AccountName=lab;AccountKey=", drawn(86) + "=="),
    "Azure service bus": ("SharedAccessKey=", drawn(43) + "="),
    "Azure client secret": ("", drawn(3) + "8Q~" + drawn(34)),
    "Azure SAS": ("https://lab.blob.core.windows.net/c/x?sv=1&sig=", drawn(44)),
    "Weights & Biases": ("WANDB_API_KEY=", drawn(40, HEX)),
    "Weights & Biases, printed": ("wandb: API key: ", drawn(40, HEX)),
    "Weights & Biases, netrc": ("machine api.wandb.ai login user password ", drawn(40, HEX)),
    "Databricks": ("", "da" + "pi" + drawn(32, HEX)),
    "DigitalOcean": ("", "dop" + "_v1_" + drawn(64, HEX)),
    "Square": ("", "sq0" + "csp-" + drawn(43)),
    "Mailchimp": ("", drawn(32, HEX) + "-us12"),
    "Artifactory": ("", "AK" + "C" + drawn(70)),
    "Cloudant": ("cloudant_password = ", drawn(64, HEX)),
    "SoftLayer": ("softlayer_api_key: ", drawn(64, HEX)),
    "IBM Cloud": ("ibm_cloud_api_key=", drawn(44)),
    "IBM COS": ("cos_secret_access_key: ", drawn(48, HEX)),
    "Kaggle": ('{"username":"ada","key":"', drawn(32, HEX)),
    "Neptune": ("", "eyJhcGlf" + "YWRkcmVzcyI6Imh0dHBzOi8v" + drawn(80) + "=="),
    "Comet": ("COMET_API_KEY=", drawn(25)),
    "Datadog": ("DD_API_KEY: ", drawn(32, HEX)),
    "Heroku": ("HEROKU_API_KEY=", UUID),
    "Shopify": ("", "shp" + "at_" + drawn(32, HEX)),
    "Atlassian": ("", "ATA" + "TT3" + drawn(60)),
    "Linear": ("", "lin" + "_api_" + drawn(40)),
    "Grafana": ("", "gl" + "sa_" + drawn(32) + "_" + drawn(8, HEX)),
    "Vault": ("", "hv" + "s." + drawn(90)),
    "Docker Hub": ("", "dckr" + "_pat_" + drawn(27)),
    "Replicate": ("", "r8" + "_" + drawn(37)),
    "Groq": ("", "gs" + "k_" + drawn(52)),
    "LangSmith": ("", "lsv2" + "_pt_" + drawn(32, HEX) + "_" + drawn(10, HEX)),
    "bearer": ("Authorization: Bearer ", drawn(40)),
    "password in YAML": ("password: ", "hunter2swordfish"),
    "password in JSON": ('{"db_password": "', "hunter2swordfish"),
}  # fmt: skip


@pytest.mark.parametrize("kind", TOKENS)
def test_a_printed_token_of_this_kind_is_replaced(kind: str) -> None:
    before, secret = TOKENS[kind]
    text = f"epoch 1\n  {before}{secret}\nepoch 2 loss 0.25\n"
    redacted = redact(text.encode(), secrets=[]).decode()
    assert "[redacted:" in redacted
    for piece in secret.split("@")[0].split():
        assert piece[2:] not in redacted
    assert redacted.startswith("epoch 1\n") and redacted.endswith("\nepoch 2 loss 0.25\n")
    assert redact(redacted.encode(), secrets=[]).decode() == redacted


ORDINARY = """\
Epoch 3/10: 100%|##########| 938/938 [00:12<00:00, 75.31it/s, loss=0.0312, acc=0.9912]
[2026-01-02 03:04:05,678] INFO trainer step=12000 lr=3e-4 tokens=1234567890 tok/s=81234.5 mfu=0.41
commit 4f1c2ab90d3e5f60718293a4b5c6d7e8f9012345 tree 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  model-00001-of-00002.safetensors
md5 d41d8cd98f00b204e9800998ecf8427e  ckpt/step_0012000.pt  uuid 123e4567-e89b-12d3-a456-426614174000
pad_token='<pad>' eos_token="</s>" mask_token=[MASK] bos_token_id=1 max_new_tokens=512 tokenizer=gpt2-large
cache key: conv2d_3x3_s1, key=layer1.0.weight, secret santa, the password was wrong
the token 50256, tokens: [101, 2023, 102], token 12 of 512
Loading weights from /data/models/AKITA-7b-v2, API level 33, APACHE-2.0, SKLEARN_SEED=42, ACCURACY: 0.98, SGD(lr=0.1)
INFO:root:Namespace(batch_size=64, password=None, token=None, api_key=None, use_auth_token=False, key='label')
torch.Size([64, 3, 224, 224]) cuda:0 NVIDIA A100-SXM4-80GB 12:34:56:789 fe80::1ff:fe23:4567:890a 10.0.0.1:29500
https://example.org:8443/a?page=7&sort=name git@github.com:lab/x.git s3://bucket/key=value/part-00000.parquet
mailto:ada@example.org
run kmzqtrvxwyloupsn, xxh128:99aa06d3014798d86001c324468d497f, hmac-sha256:0123456789abcdef
W0102 03:04:05.678901 140735 pass 3 of 5
model.layers.31.self_attn.q_proj.weight  float16
first pass: 100steps, pwd: /home/ada/x1, author=ada, authority: 7, compass: 12deg
"""


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_ordinary_output_stays_as_it_is(line: str) -> None:
    assert redact(line.encode(), secrets=[]).decode() == line


# The kept list: each detector of detect-secrets, with what it is meant to find.
KNOWN = {
    "artifactory": "Artifactory",
    "aws": "AWS key id",
    "azure_storage_key": "Azure storage",
    "basic_auth": "basic auth URL",
    "cloudant": "Cloudant",
    "discord": "Discord",
    "github_token": "GitHub, classic",
    "gitlab_token": "GitLab",
    "ibm_cloud_iam": "IBM Cloud",
    "ibm_cos_hmac": "IBM COS",
    "jwt": "JWT",
    "mailchimp": "Mailchimp",
    "npm": "npm",
    "openai": None,
    "private_key": "private key",
    "pypi_token": "PyPI",
    "sendgrid": "SendGrid",
    "slack": "Slack bot",
    "softlayer": "SoftLayer",
    "square_oauth": "Square",
    "stripe": "Stripe",
    "telegram_token": "Telegram",
    "twilio": "Twilio",
}
NO_TOKENS = {
    "base",
    "high_entropy_strings",
    "ip_public",
    "keyword",
}  # what only looks random, or like an address, stays


def test_every_detector_of_the_kept_list_has_its_kind_here() -> None:
    needs("detect_secrets")
    plugins = import_module("detect_secrets.plugins")
    assert {module.name for module in iter_modules(plugins.__path__)} - NO_TOKENS == set(KNOWN)


@pytest.mark.parametrize("detector", KNOWN)
def test_what_the_kept_list_finds_is_found_no_more(detector: str) -> None:
    needs("detect_secrets")
    module = import_module(f"detect_secrets.plugins.{detector}")
    (plugin,) = [
        found() for name, found in vars(module).items() if name.endswith("Detector") and not name.startswith("Regex")
    ]
    kind = KNOWN[detector]
    before, secret = TOKENS[kind] if kind else ("", "sk" + "-" + drawn(20) + "T3Blbk" + "FJ" + drawn(20))
    line = f"{before}{secret}"
    if detector == "jwt":  # it looks inside
        line = "ey" + "JhbGciOiJIUzI1NiJ9." + "ey" + "JzdWIiOiIxMjM0In0" + "." + drawn(43)
    assert any(list(plugin.analyze_string(one)) for one in line.splitlines()), f"{detector} finds nothing in it itself"
    clean = redact(line.encode(), secrets=[]).decode()
    assert not any("redacted" not in found for one in clean.splitlines() for found in plugin.analyze_string(one)), clean
