"""Tell, as one JSON document, what the Python that runs this has installed and what machine it runs on.

Runs in the program's own Python, beside it and with its environment, so this one file imports nothing of gitexp and
keeps to Python 3.6; `PYTHON -c SOURCE JSON` works anywhere. JSON is {"variables": [names to record besides the usual
ones], "interpreter": false where only the machine is asked for, "modules": [names that are looked for, with the folder
"first" before all others], "env": {variables of the program that this process was not started with}}. A fact that
cannot be found out is "unknown", a list or table that does not apply is left out; no package is imported, no value of
the environment is shown that is not on a list below.
"""

import sys

# A process of its own: by `-c SOURCE`, or as a module of this plain name, whose byte code is kept (see probing.py).
ALONE = __name__ in ("__main__", "probe")
# `-c` puts the user's folder first, and PYTHONPATH may follow: a json.py there is not to be run by us.
if __name__ == "probe" or (ALONE and sys.path[:1] == [""]):
    del sys.path[0]
SEARCHED = [entry for entry in sys.path if entry]

import os  # noqa: E402
from time import monotonic  # noqa: E402

STATED = dict(os.environ)  # as the program has it

if ALONE:
    STANDARD = os.path.dirname(os.__file__)
    sys.path[:] = [p for p in sys.path if p.startswith(STANDARD) and "-packages" not in p] or sys.path

TYPE_CHECKING = False  # as type checkers know it; importing it from typing would cost 10 ms
if TYPE_CHECKING:
    from typing import Any

UNKNOWN = "unknown"
LIMIT_S = 5  # for one program that we ask
DEADLINE = monotonic() + 7  # for all of them: whoever started us gives up after 10 s, and then has nothing at all
LONGEST_READ = 65536
THREADS = """BLIS_NUM_THREADS GOMP_CPU_AFFINITY KMP_AFFINITY KMP_BLOCKTIME MKL_DYNAMIC MKL_NUM_THREADS NUMBA_NUM_THREADS
NUMEXPR_NUM_THREADS OMP_DYNAMIC OMP_NUM_THREADS OMP_PLACES OMP_PROC_BIND OMP_SCHEDULE OMP_THREAD_LIMIT
OPENBLAS_NUM_THREADS RAYON_NUM_THREADS VECLIB_MAXIMUM_THREADS"""
FLAGS = """ATEN_CPU_CAPABILITY CUBLAS_WORKSPACE_CONFIG CUDA_DEVICE_ORDER CUDA_LAUNCH_BLOCKING CUDA_VISIBLE_DEVICES
HIP_VISIBLE_DEVICES JAX_DEFAULT_MATMUL_PRECISION JAX_ENABLE_X64 KERAS_BACKEND MKL_CBWR MKL_ENABLE_INSTRUCTIONS
NCCL_ALGO NCCL_PROTO NVIDIA_TF32_OVERRIDE ONEDNN_MAX_CPU_ISA PYTHONHASHSEED PYTHONOPTIMIZE PYTORCH_ALLOC_CONF
PYTORCH_CUDA_ALLOC_CONF ROCR_VISIBLE_DEVICES TF_CUDNN_DETERMINISTIC TF_DETERMINISTIC_OPS TF_ENABLE_ONEDNN_OPTS
TORCH_ALLOW_TF32_CUBLAS_OVERRIDE XLA_FLAGS"""
LOCALE = "LANG LC_ALL LC_COLLATE LC_CTYPE LC_NUMERIC LC_TIME PYTHONUTF8 TZ"
IMAGE_DIGESTS = ("GITEXP_CONTAINER_DIGEST", "CONTAINER_IMAGE_DIGEST", "CONTAINER_DIGEST", "IMAGE_DIGEST")
SECRET_WORDS = ("TOKEN", "SECRET", "PASSW", "CREDENTIAL", "APIKEY", "_KEY", "PRIVATE")


def main(argument: str) -> None:
    options = loads(argument)
    result = {}  # type: dict[str, Any]
    withheld = options.get("env", {})
    STATED.update(withheld)
    if "PYTHONPATH" in withheld:
        SEARCHED[:0] = [os.path.abspath(entry) for entry in withheld["PYTHONPATH"].split(os.pathsep)]
    if options.get("interpreter", True):
        result.update({"interpreter": fact(interpreter, otherwise={}), "packages": fact(packages)})
        result.update(fact(torch_build, otherwise={}))
        result["indexes"] = fact(indexes, otherwise={})
    result.update({"system": fact(system, otherwise={}), "cpu": cpu(), "memory_bytes": fact(memory)})
    result.update(fact(memory_limit, otherwise={}))
    result.update({"gpus": fact(gpus), "container": fact(container)})
    if os.path.isdir("/proc/driver/nvidia"):
        result["driver"] = fact(driver)
    asked = [n for n in options.get("variables", []) if isinstance(n, str) and n in STATED]
    for group, names in (("threads", THREADS), ("flags", FLAGS), ("locale", LOCALE)):
        result[group] = {name: STATED[name] for name in names.split() if name in STATED}
    result["variables"] = {n: "[redacted]" if looks_secret(n) else STATED[n] for n in asked}
    if options.get("modules"):  # last: the user's folders are on the path from here on
        sys.path[:] = ([options["first"]] if options.get("first") else []) + SEARCHED
        result["modules"] = {name: fact(places_of, name) for name in options["modules"]}
    rest = dumps(result).encode()
    while rest:
        rest = rest[os.write(1, rest) :]
    os._exit(0)  # an orderly end takes 3 ms more, and there is nothing left to put in order


def fact(find: "Any", *given: "Any", otherwise: "Any" = UNKNOWN) -> "Any":
    """What `find` finds, or "unknown": whatever goes wrong with one fact must not cost the others."""
    try:
        return find(*given)
    except Exception:  # noqa: BLE001
        return otherwise


def looks_secret(name: str) -> bool:
    return any(word in name.upper() for word in SECRET_WORDS)


class Decoding:
    """What the C scanner asks of a JSON decoder. (`import json` would cost 4 ms, most of it for re.)"""

    strict, object_hook, object_pairs_hook = True, None, None
    parse_float, parse_int, parse_constant = float, int, float


def loads(text: str) -> "Any":
    try:
        from _json import make_scanner

        return make_scanner(Decoding)(text.strip(), 0)[0]  # type: ignore[arg-type]
    except (ImportError, TypeError, AttributeError):
        import json

        return json.loads(text)


def dumps(value: "Any") -> str:
    try:
        from _json import encode_basestring_ascii, make_encoder

        encode = make_encoder(None, str, encode_basestring_ascii, None, ": ", ", ", False, False, True)
        return "".join(encode(value, 0))
    except (ImportError, TypeError):
        import json

        return json.dumps(value)


def read(*path: str) -> str:
    """The beginning of a text file."""
    with open(os.path.join(*path), "rb") as file:
        return file.read(LONGEST_READ).decode("utf-8", "replace")


def fields(text: str, separator: str = ":") -> "dict[str, str]":
    """`Key: value` lines; the first of a key wins."""
    found = {}  # type: dict[str, str]
    for line in text.splitlines():
        key, _, value = line.partition(separator)
        found.setdefault(key.strip(), value.strip())
    return found


def ask(*argv: str) -> str:
    """What another program prints; OSError where there is none, or where it fails or takes too long."""
    reader, writer = os.pipe()
    child = os.fork()  # importing subprocess would cost 5 ms
    if not child:
        become(argv, writer)
    os.close(writer)
    try:
        printed = all_of(reader, min(DEADLINE, monotonic() + LIMIT_S))
    except OSError:
        os.kill(child, 9)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reader)
    if os.waitpid(child, 0)[1]:
        raise OSError(argv[0] + " failed")
    return printed.decode("utf-8", "replace")


def become(argv: "tuple[str, ...]", output: int) -> None:
    """Turn this process into that program, its output going to that descriptor."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for ours, theirs in ((nothing, 0), (output, 1), (nothing, 2)):
            os.dup2(ours, theirs)
        # A program started by a git hook has GIT_DIR, which would answer for another repository.
        os.execvpe(argv[0], argv, {k: v for k, v in os.environ.items() if not k.startswith("GIT_")})
    finally:
        os._exit(127)


def all_of(reader: int, until: float) -> bytes:
    """Everything up to the end of a pipe; OSError where it does not end in time."""
    from select import select

    read_so_far = b""
    while select([reader], [], [], max(0, until - monotonic()))[0]:
        part = os.read(reader, LONGEST_READ)
        if not part:
            return read_so_far
        read_so_far += part
    raise OSError("no answer in time")


# --- the interpreter and its packages


def interpreter() -> "dict[str, Any]":
    info = sys.version_info
    level = (
        "" if info[3] == "final" else "{}{}".format({"alpha": "a", "beta": "b", "candidate": "rc"}[info[3]], info[4])
    )
    found = {
        "implementation": sys.implementation.name,
        "version": "{}.{}.{}{}".format(*info[:3], level),
        "executable": sys.executable,
        "prefix": sys.prefix,
    }  # type: dict[str, Any]
    folder = os.environ.get("GITEXP_FOLDER")
    ours = os.environ.get("GITEXP_PATH", "").split(os.pathsep)  # put there for this run alone, as this is
    ours += ["", os.path.join(folder, "lib") if folder else ""]
    entries = [entry for entry in STATED.get("PYTHONPATH", "").split(os.pathsep) if entry not in ours]
    if entries:
        found["pythonpath"] = entries
    return found


def packages() -> "dict[str, Any]":
    """Version by normalised name; a table where it came from elsewhere than an index. First on the path wins."""
    found = {}  # type: dict[str, Any]
    for place in dict.fromkeys(SEARCHED):
        try:
            names = os.listdir(place)
        except OSError:
            continue  # a zip file, or an entry that does not exist
        for folder in sorted(names):
            if folder.endswith((".dist-info", ".egg-info")) and not folder.startswith("~"):
                name, described = fact(package, place, folder, otherwise=(None, None))
                if name:
                    found.setdefault(name, described)
    return dict(sorted(found.items()))


def package(place: str, folder: str) -> "tuple[str, Any]":
    stem, kind = os.path.splitext(folder)
    if kind == ".egg-info":
        stem = stem.partition("-py")[0] if "-py2." in stem or "-py3." in stem else stem
    name, _, version = stem.rpartition("-")
    versioned = name and version[:1].isdigit() and "_" not in version
    if not versioned:
        # An old install in development mode has no version in its name; an old setuptools writes "_" for "-".
        stated = fields(read(place, folder, "METADATA" if kind == ".dist-info" else "PKG-INFO"))
        name, version = stated["Name"], stated["Version"]
    name = normalised(name)
    try:
        text = read(place, folder, "direct_url.json")
    except OSError:
        if kind == ".egg-info" and not versioned and not os.path.basename(place).endswith("-packages"):
            return name, checkout({"version": version, "editable": place})
        return name, version
    source = fact(described_origin, place, folder, text, otherwise={"url": UNKNOWN})
    return (name, dict({"version": version}, **source)) if source else (name, version)


def normalised(name: str) -> str:
    """As package indexes compare names."""
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def described_origin(place: str, folder: str, text: str) -> "dict[str, Any]":
    """direct_url.json as a few keys, without credentials."""
    origin = loads(text)
    url = origin["url"]
    local = unquoted(url[len("file://") :]) if url.startswith("file://") else ""
    if origin.get("dir_info", {}).get("editable"):
        return checkout({"editable": local})
    found = {"path": local} if local else {"url": public(url)}  # type: dict[str, Any]
    vcs = origin.get("vcs_info")
    if vcs:
        found.update({"vcs": vcs["vcs"], "commit": vcs["commit_id"]})
    elif local and fact(read, place, folder, "INSTALLER").strip() == "conda":
        return {}  # where conda's build machine had it; nothing here
    hashes = origin.get("archive_info", {}).get("hashes") or {}
    if "sha256" in hashes:
        found["sha256"] = hashes["sha256"]
    if origin.get("subdirectory"):
        found["subdirectory"] = origin["subdirectory"]
    return found


def checkout(found: "dict[str, Any]") -> "dict[str, Any]":
    """Add which commit an editable install stands at, and whether files differ from it."""
    found["commit"] = UNKNOWN
    how = ("--porcelain=v2", "--branch", "--no-ahead-behind", "--ignored=matching")
    try:
        said = ask("git", "--no-optional-locks", "-C", str(found["editable"]), "status", *how, "--", ".")
    except OSError:
        return found
    # Not `splitlines`: a path may hold what that takes for the end of a line.
    lines = [line for line in said.split("\n") if line]
    head = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    # Paths are relative: "! ../" says that the whole folder is ignored, so that the commit is not its own.
    foreign = any(line[:2] == "! " and not line.strip("! ./") for line in lines)
    if head and "(" not in head[0] and not foreign:
        found["commit"] = head[0]
        found["changed"] = any(line[0] not in "#!" for line in lines)
    return found


def unquoted(text: str) -> str:
    """%20 and the like of a file URL resolved."""
    first, *others = text.split("%")
    plain = first.encode()
    for part in others:
        plain += bytes.fromhex(part[:2]) + part[2:].encode()
    return plain.decode("utf-8", "surrogateescape")


def public(url: str) -> str:
    """A URL without user, password, query and fragment; the user of ssh (git@) is no secret."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    keep = user + at if "ssh" in scheme and ":" not in user else ""
    return scheme + mark + keep + host + slash + path.partition("?")[0].partition("#")[0]


def places_of(name: str) -> "list[str]":
    """Where `import NAME` would find it: its file, of a package without one its folders; nothing: nowhere.

    Nothing is imported, so a package with a file of its own is where a dotted name ends.
    """
    path, whole, found = None, "", []  # type: Any, str, list[str]
    for part in name.split("."):
        whole += ("." if whole else "") + part
        specs = (finder.find_spec(whole, path) for finder in sys.meta_path)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return []
        path = list(spec.submodule_search_locations or ())
        found = [spec.origin] if spec.origin not in (None, "namespace") else path
        if spec.origin in found:
            break
    return found


def indexes() -> "dict[str, Any]":
    """Where pip looks for packages, as its configuration and environment say, without credentials; empty: the usual."""
    home = os.path.expanduser("~")
    files = ["/etc/pip.conf", os.path.join(home, ".pip", "pip.conf")]
    files += [os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "pip", "pip.conf")]
    files += [os.path.join(sys.prefix, "pip.conf"), os.environ.get("PIP_CONFIG_FILE", "")]
    found = {}  # type: dict[str, Any]
    for name in files:
        said = pip_conf(fact(read, name, otherwise="") if name else "")
        found.update({key: said[key] for key in ("index-url", "extra-index-url") if key in said})
    for key in ("index-url", "extra-index-url"):
        found[key] = os.environ.get("PIP_" + key.upper().replace("-", "_"), found.get(key, ""))
    more = [public(url) for url in found["extra-index-url"].split()]
    usual = {"index_url": public(found["index-url"].strip()), "extra_index_urls": more}
    return {key: value for key, value in usual.items() if value}


def pip_conf(text: str) -> "dict[str, str]":
    """Keys of [global] and [install] in a pip.conf; a value may go on in lines that begin with blanks."""
    found = {}  # type: dict[str, str]
    section = key = ""
    for line in text.split("\n"):
        if line[:1] in " \t" and line.strip() and key:
            found[key] += " " + line.strip()
        elif line.startswith("["):
            section, key = line.strip("[] \t\r"), ""
        elif "=" in line and line[:1] not in "#;" and section in ("global", "install"):
            key = line.partition("=")[0].strip()
            found[key] = line.partition("=")[2].strip()
    return found


def torch_build() -> "dict[str, Any]":
    """What torch was built for, from its version.py as text."""
    for place in SEARCHED:
        if os.path.isfile(os.path.join(place, "torch", "version.py")):
            lines = fields(read(place, "torch", "version.py"), "=")
            stated = {key.partition(":")[0]: value.strip("'\"") for key, value in lines.items()}
            build = {key: stated[key] for key in ("cuda", "hip") if stated.get(key, "None") != "None"}
            return build or {"cuda": "none"}
    return {}


# --- the machine


def system() -> "dict[str, Any]":
    machine = os.uname()
    found = {"os": machine.sysname, "kernel": machine.release, "machine": machine.machine, "libc": fact(libc)}
    if machine.sysname == "Linux":
        found["distribution"] = fact(lambda: fields(read("/etc/os-release"), "=")["PRETTY_NAME"].strip('"'))
    elif machine.sysname == "Darwin":
        found["distribution"] = fact(lambda: "macOS " + ask("/usr/bin/sw_vers", "-productVersion").strip())
    return found


def libc() -> str:
    if any(name.startswith("ld-musl") for name in fact(os.listdir, "/lib", otherwise=[])):
        return "musl"
    return os.confstr("CS_GNU_LIBC_VERSION") or UNKNOWN


def cpu() -> "dict[str, Any]":
    about = fact(lambda: fields(read("/proc/cpuinfo").partition("\n\n")[0]), otherwise={})
    found = {"model": fact(cpu_model, about), "cores": fact(cores) or UNKNOWN, "capability": fact(capability, about)}
    quota = fact(lambda: [int(a) / int(b) for a, b in (t.split() for t in cgroup("cpu.max")) if a != "max"])
    if quota and quota != UNKNOWN:
        found["quota"] = round(min(quota), 3)  # cores' worth of time that the control group may use
    return found


def cpu_model(about: "dict[str, str]") -> str:
    if "model name" in about:
        return " ".join(about["model name"].split())
    if "CPU implementer" in about:
        return "implementer {} part {}".format(about["CPU implementer"], about["CPU part"])
    return ask("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string").strip() or UNKNOWN


def cores() -> "int | None":
    """How many this process may run on, which is not how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def capability(about: "dict[str, str]") -> str:
    """The vector instructions that decide which kernels a numeric library takes: "avx512+vnni+bf16"."""
    flags = set((about.get("flags") or about["Features"]).split())
    widest = ("avx512f", "avx512"), ("avx2", "avx2"), ("avx", "avx"), ("sve2",) * 2, ("sve",) * 2, ("asimd", "neon")
    extras = ("avx512_vnni", "vnni"), ("avx_vnni", "vnni"), ("avx512_bf16", "bf16"), ("bf16",) * 2, ("amx_tile", "amx")
    found = [short for flag, short in widest if flag in flags][:1] + [short for flag, short in extras if flag in flags]
    return "+".join(dict.fromkeys(found)) or "base"


def memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def memory_limit() -> "dict[str, Any]":
    limits = [int(text) for text in cgroup("memory.max") if text.strip() != "max"]
    return {"memory_limit_bytes": min(limits)} if limits else {}


def cgroup(name: str) -> "list[str]":
    """What this file says in our control group and each above it (version 2)."""
    own = next(line[3:] for line in read("/proc/self/cgroup").splitlines() if line.startswith("0::"))
    parts = [part for part in own.split("/") if part]
    folders = ["/".join(["/sys/fs/cgroup", *parts[:count]]) for count in range(len(parts) + 1)]
    return [read(folder, name) for folder in folders if os.path.exists(folder + "/" + name)]


def driver() -> str:
    words = read("/proc/driver/nvidia/version").splitlines()[0].split()
    return next(word for word in words if "." in word and word.replace(".", "").isdigit())


def gpus() -> "Any":
    """The GPUs that the program may use: model, and what else is known."""
    if os.path.isdir("/proc/driver/nvidia") or os.path.exists("/dev/nvidiactl"):
        return visible(fact(from_smi, otherwise=None) or fact(from_proc))
    if os.path.isdir("/sys/class/kfd/kfd/topology/nodes"):
        return from_kfd()
    return UNKNOWN if sys.platform == "darwin" else []


def from_smi() -> "list[dict[str, Any]]":
    found = []  # type: list[dict[str, Any]]
    for line in ask("nvidia-smi", "--query-gpu=name,uuid,memory.total", "--format=csv,noheader,nounits").splitlines():
        model, uuid, mebibytes = [word.strip() for word in line.rsplit(",", 2)]
        found.append({"model": model, "uuid": uuid, "memory_bytes": fact(lambda m=mebibytes: int(m) << 20)})
    return found


def from_proc() -> "list[dict[str, Any]]":
    root = "/proc/driver/nvidia/gpus"
    about = [fields(read(root, slot, "information")) for slot in sorted(os.listdir(root))]
    return [{"model": one.get("Model", UNKNOWN), "uuid": one.get("GPU UUID", UNKNOWN)} for one in about]


def from_kfd() -> "list[dict[str, Any]]":
    """AMD's: every node of the compute topology that has a GPU."""
    root = "/sys/class/kfd/kfd/topology/nodes"
    nodes = [os.path.join(root, node) for node in sorted(os.listdir(root))]
    with_gpu = [node for node in nodes if fact(read, node, "gpu_id").strip() not in ("0", UNKNOWN)]
    return [{"model": fact(read, node, "name").strip() or UNKNOWN} for node in with_gpu]


def visible(there: "Any") -> "Any":
    """Those of the GPUs that CUDA_VISIBLE_DEVICES lets through."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    if asked is None or not isinstance(there, list):
        return there
    # CUDA numbers the fastest first unless told otherwise: with different models, who is who cannot be told here.
    numbered = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu["model"] for gpu in there}) == 1
    through = []  # type: list[dict[str, Any]]
    for name in asked.split(","):
        name = name.strip()
        if name.isdigit() and int(name) < len(there):
            through.append(there[int(name)] if numbered else {"model": UNKNOWN})
        elif name.startswith(("GPU-", "MIG-")):
            matching = [gpu for gpu in there if str(gpu.get("uuid")).startswith(name)]
            through.append(matching[0] if len(matching) == 1 else {"model": UNKNOWN})
        else:
            break  # CUDA, too, stops at the first that it does not know
    return through


def container() -> "dict[str, Any]":
    env = os.environ
    image = {}  # type: dict[str, str]
    if env.get("APPTAINER_CONTAINER") or env.get("SINGULARITY_CONTAINER") or os.path.isdir("/.singularity.d"):
        kind = "apptainer"
    elif os.path.exists("/run/.containerenv"):
        kind = "podman"
        image = {k: v.strip('"') for k, v in fields(read("/run/.containerenv"), "=").items()}
    elif env.get("KUBERNETES_SERVICE_HOST"):
        kind = "kubernetes"
    elif os.path.exists("/.dockerenv"):
        kind = "docker"
    elif env.get("container"):
        kind = env["container"][:32]
    else:
        return {"kind": "none"}
    found = {"kind": kind, "digest": UNKNOWN}  # type: dict[str, Any]
    if image.get("image"):
        found["image"] = image["image"]
    for stated in [env.get(name, "") for name in IMAGE_DIGESTS] + ["sha256:" + image.get("imageid", "")]:
        digest = stated[stated.find("sha256:") :]
        if len(digest) == 71 and not digest[7:].strip("0123456789abcdef"):
            found["digest"] = digest
            break
    return found


if ALONE:
    main(sys.argv[1] if len(sys.argv) > 1 else "{}")
