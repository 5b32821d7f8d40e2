#!/bin/sh
# Renews the hash-locked requirements. They name no index, so that they work behind any mirror.
# usage: lock.sh UV
set -eu
uv=$(realpath "$1")
cd "$(dirname "$0")/.."
compile() { "$uv" pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header "$@"; }
compile requirements/uv.in -o requirements/uv.txt
compile requirements/audit.in -o requirements/audit.txt
compile pyproject.toml requirements/build.in -o requirements/run.txt
compile pyproject.toml requirements/build.in --extra train --extra dev -c requirements/run.txt -o requirements/dev.txt
