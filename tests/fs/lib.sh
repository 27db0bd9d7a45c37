# SPDX-License-Identifier: Apache-2.0
#
# lib.sh: for tests of a real mount.  Source it; it makes a scratch directory
# with a copy of the demo dataset, mounts that at $mnt and unmounts at the end.
# Status 77 is a skip, with its reason.
set -euo pipefail

scratch=$(mktemp -d "${TMPDIR:-/tmp}/lancefs-test.XXXXXX")
dataset=$scratch/photos.lance mnt=$scratch/mnt
failures=0

finish() {
	local status=$?
	if mountpoint -q "$mnt"; then
		fusermount3 -u "$mnt" || { fusermount3 -uz "$mnt"; status=1; }
	fi
	if [[ -n ${daemon-} ]]; then
		wait "$daemon" || { echo "the daemon ended with status $?"; status=1; }
		if [[ -s $scratch/stderr ]] && grep -E 'Sanitizer|runtime error' "$scratch/stderr"; then
			cat "$scratch/stderr"
			status=1
		fi
	fi
	rm -rf --one-file-system "$scratch"
	[[ $failures -eq 0 ]] || status=1
	exit $status
}
trap finish EXIT

if [[ ! -r /dev/fuse || ! -w /dev/fuse ]]; then
	echo "skipped: /dev/fuse cannot be opened"
	exit 77
fi
cp -r "$TEST_DATA/demo/photos.lance" "$dataset"
mkdir "$mnt"

# mount_it [OPTION...]: mount the copy; wait until it is there.
mount_it() {
	local i
	"$LANCEFS_BIN/lancefs" -f "$@" "$dataset" "$mnt" 2>>"$scratch/stderr" &
	daemon=$!
	for ((i = 0; i < 500; i++)); do
		! mountpoint -q "$mnt" || return 0
		kill -0 "$daemon" 2>/dev/null || break
		sleep 0.02
	done
	cat "$scratch/stderr"
	return 1
}

# is WHAT EXPECTED ACTUAL
is() {
	[[ $2 == "$3" ]] && return 0
	printf 'FAILED %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
	failures=$((failures + 1))
}

# fails WHAT COMMAND: it must end with another status than 0.
fails() {
	if bash -c "$2" >/dev/null 2>&1; then
		printf 'FAILED %s: succeeded: %s\n' "$1" "$2"
		failures=$((failures + 1))
	fi
}

# check WHAT COMMAND...: it must succeed.
check() {
	local what=$1
	shift
	"$@" >"$scratch/out" 2>&1 || is "$what" "success: $*" "$(head -c 300 "$scratch/out")"
}

# until_is WANTED COMMAND...: what follows a last close is not waited for by close(2)
until_is() {
	local i wanted=$1
	shift
	for ((i = 0; i < 200; i++)); do
		[[ $("$@") == "$wanted" ]] && return 0
		sleep 0.05
	done
	return 1
}
