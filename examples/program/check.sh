#!/usr/bin/env bash
# Tests each of the three programs, and trains a policy with it that must be 10 % better than random actions. A language that is
# not there is skipped.
#
#   ./check.sh SETPOINT    the binary
set -euo pipefail
setpoint=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# NAME COMMAND...
check() {
  local name=$1 command
  shift
  echo "== $name"
  [ "$(wc -l <"line.$name")" -lt 60 ] || { echo "line.$name has 60 lines or more" >&2; exit 1; }
  "$setpoint" conformance "$@"
  command=$(printf '"%s",' "$@")
  "$setpoint" train . --plain --run-dir "$work/$name" --set "process.command=[${command%,}]"
  # Fails unless the whole interval of the lift is above 10 %.
  "$setpoint" eval "$work/$name"
}

if command -v python3 >/dev/null 2>&1; then check py python3 line.py; else echo "skipped: there is no python3"; fi
if command -v node >/dev/null 2>&1; then check js node line.js; else echo "skipped: there is no node"; fi
if command -v rustc >/dev/null 2>&1; then
  rustc --edition 2024 -O -o "$work/line" line.rs
  check rs "$work/line"
else
  echo "skipped: there is no rustc"
fi
