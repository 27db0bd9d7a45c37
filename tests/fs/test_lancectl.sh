#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_lancectl.sh: commands without a mount, exit statuses, bad datasets.
. "$(dirname "$0")/lib.sh"

ctl() { "$LANCEFS_BIN/lancectl" "$@"; }
status_of() {
	local status=0
	ctl "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
	echo $status
}

is "info" "version: 1" "$(ctl info "$dataset" | head -n 1)"
is "json is json" 240 "$(ctl info "$dataset" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["rows"])')"
is "schema" 8 "$(ctl schema "$dataset" | wc -l)"
ctl export "$dataset" width --format=csv --output="$scratch/width.csv"
is "export" 241 "$(wc -l <"$scratch/width.csv")"
seq 240 >"$scratch/n.txt"
ctl put "$dataset" "$scratch/n.txt" --name=number --type=int16 >"$scratch/out"
is "put" "$(sha256sum <"$scratch/n.txt")" "$(ctl export "$dataset" number | sha256sum)"
is "put keeps the type" 1 "$(ctl schema "$dataset" | grep -c $'^number\tint16\t')"
is "history" 2 "$(ctl history "$dataset" | wc -l)"
is "an old version" 8 "$(ctl schema "$dataset" --version=1 | wc -l)"
is "unknown command" 2 "$(status_of frobnicate "$dataset")"
is "no dataset" 2 "$(status_of info)"
is "not a dataset" 1 "$(status_of info "$scratch")"
is "why" 1 "$(grep -c 'ot a Lance dataset' "$scratch/err")"
is "no such column" 1 "$(status_of export "$dataset" captoin)"
is "help" 0 "$(status_of --help)"

# a data file cut short: the message names the file, and nothing crashes
for file in "$dataset"/data/*.lance; do truncate -s 300000 "$file"; done
is "cut short" 1 "$(status_of export "$dataset" image --format=arrow --output="$scratch/x.arrow")"
is "the file is named" yes "$(grep -q '\.lance' "$scratch/err" && echo yes || echo no)"
