#!/bin/sh
# Installs what `make bench` compares evopipe with and pip cannot give: the BEAM (Debian's erlang-base).
# Without it the benchmark still runs, and its report says "not installed" where those figures would stand.
# Needs root and Debian's package index; ends with 1 and a sentence when either is missing.
set -eu

if command -v erl >/dev/null && command -v erlc >/dev/null; then
    echo "erlang is installed: $(command -v erl)"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: install Erlang/OTP 25 or later with your system's own packages" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "apt-get needs root: sudo sh scripts/install_peers.sh" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
if ! apt-get update -qq || ! apt-get install -y -qq --no-install-recommends erlang-base >/dev/null; then
    echo "erlang-base could not be installed: the package index did not answer or does not have it" >&2
    exit 1
fi
echo "erlang is installed: $(command -v erl)"
