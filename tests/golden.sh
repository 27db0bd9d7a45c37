#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# golden.sh LANCECTL GOLDEN-DIRECTORY: every column of every golden dataset, and of its
# branches, reads as it did when it was compared with pylance.
set -euo pipefail

lancectl=$1 golden=$2
checked=0 failed=0
for dataset in "$golden"/*/t.lance "$golden"/branches/t.lance/tree/{feat/x,y}; do
	expect=${dataset%/t.lance*}/expect${dataset#*/t.lance}
	for file in "$expect"/*.jsonl; do
		column=$(basename "$file" .jsonl)
		if ! "$lancectl" export "$dataset" "$column" --format=jsonl | cmp - "$file"; then
			echo "differs: $dataset: $column" >&2
			failed=$((failed + 1))
		fi
		checked=$((checked + 1))
	done
	if [[ -f $expect/indices ]] && ! "$lancectl" indices "$dataset" | cmp - "$expect/indices"; then
		echo "differs: $dataset: indices" >&2
		failed=$((failed + 1))
	fi
	"$lancectl" verify "$dataset" --deep >/dev/null || failed=$((failed + 1))
done
echo "$checked golden columns, $failed differ"
[[ $checked -ge 100 && $failed -eq 0 ]]
