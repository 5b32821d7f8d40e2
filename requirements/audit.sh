#!/bin/sh
# Asks OSV (osv.dev) for known vulnerabilities of everything in the locks; it hears names and versions of public packages.
# usage: audit.sh PIP_AUDIT; exits 0: none known, 1: some are, 75: nobody could be asked
set -u
cd "$(dirname "$0")/.."
audit=$1
said=$(mktemp)
trap 'rm -f "$said"' EXIT
"$audit" --vulnerability-service osv --disable-pip --require-hashes --progress-spinner off --timeout 15 \
  -r requirements/run.txt -r requirements/dev.txt -r requirements/uv.txt -r requirements/audit.txt >"$said" 2>&1
status=$?
if grep -qE 'ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|ServiceError' "$said"; then
  echo "error: the advisories at api.osv.dev cannot be reached from here, so nothing was audited; behind a proxy set HTTPS_PROXY" >&2
  exit 75
fi
cat "$said"
exit $status
