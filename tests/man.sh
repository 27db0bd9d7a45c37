#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# man.sh BIN: the man pages are sound and tell every command and option, and the
# configuration file every key.
set -euo pipefail
bin=$1 etc=$(cd "$(dirname "$0")/../etc" && pwd)
status=0
complain() {
	echo "$*"
	status=1
}

for page in "$etc"/man/*.[17]; do
	mandoc -T lint -W warning "$page" || status=1
done
commands=0
for command in $("$bin/lancectl" --help | sed -n 's/^  \([a-z][a-z ]*\).*/\1/p' | awk '{ print $1 }'); do
	commands=$((commands + 1))
	grep -q "^\.It Cm $command " "$etc/man/lancectl.1" || complain "lancectl.1 lacks $command"
done
for option in $("$bin/lancectl" --help | grep -oE -- '--[a-z-]+' | sort -u); do
	grep -q -- "Fl -${option#--}" "$etc/man/lancectl.1" || complain "lancectl.1 lacks $option"
done
for format in $("$bin/lancectl" --help | sed -n 's/.*--format=\([a-z|]*\).*/\1/p' | tr '|' ' '); do
	grep -q "^\.It Cm $format$" "$etc/man/lancefs.1" || complain "lancefs.1 lacks the format $format"
	grep -qw "$format" "$etc/man/lancectl.1" || complain "lancectl.1 lacks the format $format"
done
keys=0
for key in $("$bin/lancefs" --help | sed -n 's/^ *-o \([a-z_-]*\).*/\1/p'); do
	keys=$((keys + 1))
	grep -q "Fl o Cm $key" "$etc/man/lancefs.1" || complain "lancefs.1 lacks -o $key"
	case $key in ro | config | branch | allow_other) continue ;; esac
	grep -q "^#$key=" "$etc/lancefs.conf" || complain "lancefs.conf lacks $key"
done
[[ $commands -ge 5 && $keys -ge 5 ]] || complain "found $commands commands, $keys options"

# lancefs.conf is accepted, also with its defaults in force; another key is not
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed 's/^#\([a-z-]*=\)/\1/' "$etc/lancefs.conf" >"$scratch/conf"
"$bin/lancefs" --version -o config="$scratch/conf" >/dev/null || complain "the defaults are refused"
echo "no-such-key=1" >>"$scratch/conf"
! "$bin/lancefs" --version -o config="$scratch/conf" >/dev/null 2>&1 || complain "a wrong key is accepted"
exit $status
