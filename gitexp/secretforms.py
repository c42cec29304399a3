"""The forms of well-known tokens, as patterns, each with what a text must contain for it to be tried.

Kept against detect-secrets' list by `tests/test_secret_forms.py`: a new version of that with a new kind fails there.
What only looks random (git ids, digests, ids of runs) has no form, and stays.
"""

from __future__ import annotations

_EDGE = rb"(?<![A-Za-z0-9])"  # of what else might be part of some base64
_PEM = rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_NEWLINE = rb"(?:\s|\\[nr])"  # real, or escaped as in JSON
_EQUALS = rb"\\?[\"']?\s{0,3}[=:]\s{0,3}\\?[\"']?"  # between a name and its value, in shell, JSON, YAML, HTTP
_SCHEME = rb"(?:bearer|basic|token|digest|negotiate)"
_NO_NAME = rb"(?!\$\{?\w+\}?@|\{[\w.]+\}@|\*+@|\[redacted)"  # a reference to a secret is none

# Beginnings that their makers published, so that scanners find tokens; at least 16 characters follow, a digit among
# them: databricks, digitalocean, shopify, square, atlassian, linear, notion, postman, grafana, vault, pulumi, docker,
# doppler, fly, sentry, new relic, planetscale, supabase, replicate, groq, perplexity, xai, langsmith, pinecone,
# tailscale, rubygems, figma, netlify, kaggle, weights & biases, hashicorp, stripe webhooks, google oauth, mailgun.
BEGINNINGS = """
    dapi dop_v1_ doo_v1_ dor_v1_ shpat_ shpss_ shpca_ shppa_ sq0csp- sq0atp- ATATT3 ATCTT3 ATBB lin_api_ ntn_ PMAK-
    glsa_ glc_ hvs. hvb. pul- dckr_pat_ dp.pt. fm2_ FlyV1_ sntrys_ sntryu_ NRAK- pscale_tkn_ pscale_pw_ sbp_ r8_ gsk_
    pplx- xai- lsv2_pt_ lsv2_sk_ pcsk_ tskey- rubygems_ figd_ nfp_ KGAT_ wandb_v1_ whsec_ GOCSPX- key-"""
_BEGINNING = b"|".join(word.replace(".", r"\.").encode() for word in BEGINNINGS.split())
_NAME = (
    rb"(?:api[ _-]?key|api[_-]?token|access[_-]?key|access[_-]?token|auth[_-]?token|account[_-]?key|shared[_-]?access"
    rb"[_-]?key|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|encryption[_-]?key|secret|token|credentials?|"
    rb"(?:cloudant|softlayer|ibm|iam)[_-]?(?:cloud|iam)?[_-]?(?:api)?[_-]?(?:key|pwd|pw|password|pass|token))"
)
_PASSWORD = rb"(?:pass(?:word|wd|phrase|code)|[_-](?:pwd|pass))"
_NO_VALUE = rb"(?!\[redacted|[$<{*])"
# Letters and digits: neither a number nor a word. Of a line that goes on like that nobody looks at all from each place.
_MIXED = rb"(?=[^\s\"']{0,256}[0-9])(?=[^\s\"']{0,256}[A-Za-z])"

_BEGINNING_FORM = rb"()(?<![\w-])(?:" + _BEGINNING + rb")(?=[\w=+-]*[0-9])[\w.=+-]{16,}"
_NAMED = (
    rb"(?i)((?<![A-Za-z0-9])(?:[a-z0-9]{1,24}[_.-]){0,5}"
    + _NAME
    + _EQUALS
    + rb")"
    + _NO_VALUE
    + _MIXED
    + rb"[A-Za-z0-9_\-./+=~]{16,}"
)

LONG = 32

# kind, what the lower-cased text must contain for the pattern to be tried, the pattern. Group 1 stays. Capitals must be
# in a word of LONG bytes, as it stands: digests have none. Where nothing is stated, there must be such a word.
# No possessive quantifiers: those of Python 3.11.2 match too little.
SHAPES: tuple[tuple[str, tuple[bytes, ...], bytes], ...] = (
    # Whole; or without its end, then its lines of base64; or without its beginning, where the output was cut.
    (
        "private-key",
        (b"private key",),
        rb"()" + _PEM + rb"(?:(?:[^\[-]|-(?!----))*" + _PEM_END + rb"|(?:" + _NEWLINE + rb"*[A-Za-z0-9+/=]{16,})*)",
    ),
    ("private-key", (b"private key",), rb"(bytes cut\]\n)(?:[A-Za-z0-9+/=]+\r?\n)+" + _PEM_END),
    (
        "authorization",
        (b"authorization",),
        rb"(?i)(authorization" + _EQUALS + _SCHEME + rb"\s+)(?!\[redacted)[^\s\"',;\\]{4,}",
    ),
    ("authorization", (b"bearer",), rb"(?i)(\bbearer\s+)(?=[^\s\"']*[0-9])[A-Za-z0-9._~+/=-]{20,}"),
    (
        "authorization",
        (b"x-api-key", b"private-token", b"x-auth-token"),
        rb"(?i)((?:x-api-key|private-token|x-auth-token)\\?[\"']?\s*:\s*\\?[\"']?)(?!\[redacted)[^\s\"',;\\]{8,}",
    ),
    (
        "aws",
        (b"akia", b"asia", b"abia", b"acca", b"a3t"),
        rb"()" + _EDGE + rb"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    ),
    (
        "aws",
        (b"secretaccesskey", b"secret_access_key"),
        rb"(?i)(secret_?access_?key" + _EQUALS + rb")[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    ("aws", (b"sessiontoken", b"session_token"), rb"(?i)(session_?token" + _EQUALS + rb")[A-Za-z0-9/+=]{100,}"),
    ("azure", (b"accountkey=",), rb"(?i)(accountkey=)[A-Za-z0-9/+=]{40,}"),
    ("github", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"()gh[pousr]_[A-Za-z0-9]{30,}"),
    ("github", (b"github_pat_",), rb"()github_pat_[A-Za-z0-9_]{22,}"),
    (
        "gitlab",
        (b"glpat-", b"glptt-", b"glrt-", b"gldt-", b"gloas-", b"glcbt-", b"glft-", b"glimt-", b"glagent-", b"glsoat-"),
        rb"()gl(?:pat|ptt|rt|dt|s?oat|oas|cbt|ft|imt|agent)-[\w-]{20,}(?:\.[\w-]{2,})*",
    ),
    ("gitlab", (b"gr1348941",), rb"()GR1348941[\w-]{20,}"),
    ("huggingface", (b"hf_", b"api_org_"), rb"()(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    # Names such as sk-learn-baseline-of-tuesday are no keys: without a known beginning there is no dash, but a digit.
    (
        "api-key",
        (b"sk-",),
        rb"()(?<![\w-])sk-(?:(?:proj|svcacct|admin|ant-\w+|or-v\d)-[\w-]{20,}|(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,})",
    ),
    ("stripe", (b"k_live_", b"k_test_"), rb"()[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("slack", (b"xox", b"xapp-"), rb"()(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}"),
    ("slack", (b"hooks.slack.com/",), rb"(?i)(hooks\.slack\.com/(?:services|workflows)/)[\w/-]{16,}"),
    ("google", (b"aiza",), rb"()" + _EDGE + rb"AIza[\w-]{35}(?![\w-])"),
    ("google", (b"ya29.",), rb"()" + _EDGE + rb"ya29\.[\w-]{20,}"),
    ("pypi", (b"pypi-",), rb"()pypi-AgE[\w-]{50,}"),
    ("npm", (b"npm_",), rb"()npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ("token", tuple(word.lower().encode() for word in BEGINNINGS.split()), _BEGINNING_FORM),
    ("sendgrid", (b"sg.",), rb"()(?<![\w-])SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    ("square", (b"eaaa",), rb"()" + _EDGE + rb"EAAA[\w-]{60}(?![\w-])"),
    ("mailchimp", (b"-us",), rb"()" + _EDGE + rb"[0-9a-f]{32}-us[0-9]{1,2}(?![A-Za-z0-9])"),
    ("telegram", (), rb"()(?<![0-9])[0-9]{8,10}:(?=[\w-]*[A-Za-z])[\w-]{35}(?![\w-])"),
    ("discord", (b"M", b"N", b"O"), rb"()(?<![\w.-])[MNO][A-Za-z0-9_-]{23,25}\.[\w-]{6}\.[\w-]{27,38}(?![\w.-])"),
    ("discord", (b"/api/webhooks/",), rb"(?i)(/api/webhooks/[0-9]+/)[\w-]{40,}"),
    ("twilio", (b"AC", b"SK"), rb"()" + _EDGE + rb"(?:AC|SK)[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("artifactory", (b"akc",), rb"()" + _EDGE + rb"AKC(?=[A-Za-z]*[0-9])[A-Za-z0-9]{10,}"),
    ("artifactory", (b"AP",), rb"()" + _EDGE + rb"AP[0-9A-F](?=[A-Za-z]*[0-9])[A-Za-z0-9]{29,}"),
    ("softlayer", (b"softlayer.com/soap/",), rb"(?i)(softlayer\.com/soap/v3(?:\.1)?/)[a-z0-9]{64}"),
    ("neptune", (b"eyjhcglfywrkcmvzc",), rb"()eyJhcGlfYWRkcmVzc[\w+/-]{20,}={0,2}"),
    ("azure", (b"8q~",), rb"()" + _EDGE + rb"[\w~.-]{3}[0-9]Q~[\w~.-]{31,34}(?![\w~-])"),
    ("age", (b"age-secret-key-1",), rb"()AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    ("kaggle", (b'"key"',), rb'("key\\?"\s{0,3}:\s{0,3}\\?")[0-9a-f]{32}(?![0-9a-f])'),
    ("netrc", (b"password",), rb"(\blogin\s+\S+\s+password\s+)(?!\[redacted)\S{6,}"),
    ("jwt", (b"eyj",), rb"()(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"),
    ("url", (b"@",), rb"(://)[^\s/@:\"'<>]*:" + _NO_NAME + rb"[^\s/\"'<>]*(?=@)"),
    ("url", (b"@",), rb"(?i)(https?://)" + _NO_NAME + rb"[^\s/@:\"'<>]{16,}(?=@)"),
    (
        "url",
        (b"token=", b"key=", b"secret=", b"password=", b"sig=", b"signature="),
        rb"(?i)([?&#](?:access_token|auth_token|private_token|token|api_?key|client_secret|password|sig|signature|"
        rb"x-(?:amz|goog)-(?:signature|security-token))=)(?!\[redacted)[^&\s\"'<>#\\]{6,}",
    ),
    # Whatever stands beside the name of a secret.
    ("named", (b"key", b"token", b"secret", b"credential", b"cloudant", b"softlayer", b"ibm", b"iam"), _NAMED),
    ("named", (b"pass", b"pwd"), rb"(?i)(" + _PASSWORD + _EQUALS + rb")" + _NO_VALUE + _MIXED + rb"[^\s\"',;\\]{6,}"),
)
# Kinds that begin as nothing else does: looked for in binary files too, which hold words of all sorts.
PREFIXED = "aws github gitlab huggingface api-key stripe slack google pypi npm token sendgrid age jwt variable"
QUERY = next(pattern for kind, needles, pattern in SHAPES if kind == "url" and b"sig=" in needles)
