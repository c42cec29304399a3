#!/bin/sh
# Train twice on real data in a scratch repository, then show what gitexp recorded.
#
#   sh scripts/demo.sh BIN        BIN: the folder with the python and the gitexp to use, such as .venv/bin
#
# Reads recipes/ of the checkout it lies in and writes to a new temporary folder, nothing else. Stops at the first failure.

set -eu

fail() {
    printf 'demo: %s\n' "$1" >&2
    exit 1
}

[ $# -eq 1 ] || fail "usage: sh scripts/demo.sh BIN"
source=$(cd "$(dirname "$0")/.." && pwd)
bin=$(cd "$1" 2>/dev/null && pwd) || fail "there is no folder $1; type: make demo"
for tool in python gitexp; do
    [ -x "$bin/$tool" ] || fail "no $tool in $bin; type: make demo"
done
command -v git >/dev/null || fail "git is not installed"

# A demo that is started from a git hook or an activated environment must not act on that one.
# shellcheck disable=SC2046
unset $(git rev-parse --local-env-vars) PYTHONPATH PYTHONHOME
PATH=$bin:$PATH
# Nobody is there to leave a pager when the output goes to a file.
PAGER="cat"
GIT_PAGER="cat"
export PATH PAGER GIT_PAGER

if [ -t 1 ] && [ -z "${NO_COLOR-}" ] && [ "${TERM-dumb}" != dumb ]; then
    bold=$(printf '\033[1m')
    plain=$(printf '\033[0m')
else
    bold=
    plain=
fi

say() {
    printf '\n%s\n' "$1"
}

# As one would type it: words that need quotes get them.
typed() {
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./=:~@%+,-]* | '') printf " '%s'" "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
}

# Show a command, then run it.
run() {
    printf '\n%s$%s%s\n' "$bold" "$(typed "$@")" "$plain"
    "$@" || {
        code=$?
        printf 'demo: that ended with exit code %s; the folder is %s\n' "$code" "$(pwd)" >&2
        exit "$code"
    }
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/gitexp-demo.XXXXXX")
cd "$scratch"

say "A scratch repository with recipes:"
run git init -q -b main .
# The defaults that a first `git commit` may lack. They stay in this repository.
[ -n "$(git config user.name || :)" ] || git config user.name "gitexp demo"
[ -n "$(git config user.email || :)" ] || git config user.email "demo@localhost"
# Nor may settings meant for other repositories ask for a key, or leave out the data.
git config commit.gpgsign false
git config core.excludesFile /dev/null
cp -R "$source/recipes" "$source/.gitignore" .
find recipes -name __pycache__ -exec rm -rf {} +
run git add -A
run git commit -q -m "Recipes, and the data that they run on"

say "gitexp moves in:"
run gitexp init
run git add -A
run git commit -q -m "gitexp init"

say "Train a network on 1,797 handwritten digits, then again with a tenth of the learning rate:"
run gitexp run digits-mlp -m "the recipe as it is"
run gitexp run digits-mlp -s optimizer.lr=0.001 -m "a tenth of the learning rate"

say "Both runs are commits on the branch experiments:"
run gitexp log
run gitexp diff latest~1 latest

cat <<END

All of it lies in $scratch, and may be deleted. To go on there:

  cd "$scratch"
  PATH="$bin:\$PATH"
  gitexp show latest                              one run, whole
  gitexp check digits-mlp --explain               the recipe, and why its numbers are what they are
  gitexp run digits-knn                           does the network beat its nearest neighbours?
  gitexp run -- python -c 'print(6 * 7)'          any program, without a recipe
  git log experiments -- . ':!code'               the same record, by git alone
END
