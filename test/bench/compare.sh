#!/bin/bash
# Runs the micro-benchmarks of this directory and of another commit in turn, so that what the machine does meanwhile meets
# both, and shows what benchstat makes of it. Arguments are the packages; the environment:
#   BASE       what to compare with; the commit before by default
#   BENCH      which benchmarks: a regular expression
#   BENCHTIME  how long each one runs; COUNT how often
set -euo pipefail

base=${BASE:-HEAD~1} bench=${BENCH:-.} benchtime=${BENCHTIME:-200ms} count=${COUNT:-6}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

here=$PWD
work=$(mktemp -d)
trap 'git worktree remove --force "$work/base" 2>/dev/null || true; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/base" "$base"

for package; do
	name=${package//\//-}
	go test -c -o "$work/$name-new" "$package"
	# A package that is not there yet has nothing to be compared with.
	(cd "$work/base" && go test -c -o "$work/$name-base" "$package") || true
done

for i in $(seq "$count"); do
	echo "round $i of $count" >&2
	for package; do
		name=${package//\//-}
		for side in base new; do
			[[ -x $work/$name-$side ]] || continue
			dir=$here
			[[ $side == base ]] && dir=$work/base
			(cd "$dir/${package#pando}" && "$work/$name-$side" -test.run '^$' -test.bench "$bench" -test.benchmem -test.benchtime "$benchtime") >>"$work/$side.txt"
		done
	done
done
if ! grep -q '^Benchmark' "$work/new.txt"; then
	echo "no benchmark of these packages matches $bench; there are" \
		"$(grep -h -o -E '^func Benchmark\w+' $(printf '%s/*_test.go ' "${@#pando/}") | sed 's/^func Benchmark//' | sort -u | tr '\n' ' ')" >&2
	exit 1
fi
go run "$benchstat" "base=$work/base.txt" "new=$work/new.txt"
