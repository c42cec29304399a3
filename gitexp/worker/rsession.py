"""What an R says of itself, as the probe's own document. R has no JSON of its own.

Lines `gitexp TAB key TAB value` count, whatever else the user's .Rprofile prints. Packages are those of `.libPaths()`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOURCE = """
say <- function(key, value) cat("\\ngitexp", key, paste(value, collapse = " "), sep = "\\t")
say("version", as.character(getRversion())); say("executable", file.path(R.home("bin"), "Rscript"))
say("prefix", R.home())
try({s <- utils::sessionInfo(); say("platform", s$platform); say("blas", s$BLAS); say("lapack", s$LAPACK)})
p <- utils::installed.packages()
p <- p[!duplicated(p[, "Package"]), c("Package", "Version"), drop = FALSE]
for (i in seq_len(nrow(p))) say(paste0("package ", p[i, 1]), p[i, 2])
say("end", ""); cat("\\n")
"""


def understood(answer: bytes) -> dict[str, Any] | None:
    """None: R did not come to its end."""
    said = [line.split("\t", 2)[1:] for line in answer.decode("utf-8", "replace").split("\n") if line[:7] == "gitexp\t"]
    facts = {key: value.strip() for key, value in (pair for pair in said if len(pair) == 2)}
    if "end" not in facts:
        return None
    packages = {key[8:]: version for key, version in sorted(facts.items()) if key.startswith("package ")}
    named = ("version", "executable", "prefix", "platform", "blas", "lapack")
    return {
        "interpreter": {"implementation": "R", **{key: facts[key] for key in named if facts.get(key)}},
        "packages": packages,
    }
