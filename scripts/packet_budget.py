#!/usr/bin/env python3
"""Holds the core's way of a packet to its budget: instructions and allocations, counted by callgrind.

usage: packet_budget.py [--update] [--keep FILE]

Runs bench/packet_path (everything between socket and file, on simulated time) under valgrind and compares with
bench/packet_budget.json. More than 5 % above fails. What is meant to cost more, or has become cheaper by more than 5 %,
goes into the file with --update, in the commit that makes it so. --keep FILE leaves callgrind's output for
callgrind_annotate.

The count does not depend on the machine: valgrind shows the program the same processor on every host with AVX2.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUDGET = ROOT / "bench/packet_budget.json"
PROGRAM = ROOT / "build/release/packet_path"
MEASURED = "*measured_hand_over*"
SECONDS = 20
TOLERANCE = 0.05
ALLOCATIONS_TOLERANCE = 0.02  # a packet, where 5 % would be less
CIPHER = re.compile(r"lib(crypto|srtp2|freebl|nss|softokn|nspr)")
# Counted where they are called, as the C and C++ libraries are.
HELPERS = {"base"}
ALLOCATORS = {"malloc", "calloc", "realloc"}


class Function:
    def __init__(self):
        self.own = 0
        self.calls = []  # (called, what that cost with all that it called)


def read_callgrind(path):
    """(object, file, function) -> Function. The format: valgrind's manual, "Callgrind Format Specification"."""
    functions = collections.defaultdict(Function)
    names = {"ob": {}, "fl": {}, "fn": {}}
    now = {"ob": "", "fl": "", "fn": ""}
    called, is_call = {}, False

    def name(kind, text):  # "(7) name" the first time, "(7)" from then on
        number, _, rest = text.partition(" ")
        if rest:
            names[kind][number] = rest
        return names[kind][number]

    for line in path.read_text().splitlines():
        key, equals, text = line.partition("=")
        if equals and key in ("ob", "fl", "fn"):
            now[key] = name(key, text)
        elif equals and key in ("fi", "fe"):
            name("fl", text)  # inlined from another file: still the same function
        elif equals and key in ("cob", "cfl", "cfi", "cfn"):
            kind = {"cob": "ob", "cfl": "fl", "cfi": "fl", "cfn": "fn"}[key]
            called[kind] = name(kind, text)
        elif equals and key == "calls":
            is_call = True
        elif re.match(r"[\d+*-]", line):
            cost = int(line.split()[1])
            function = functions[now["ob"], now["fl"], now["fn"]]
            if is_call:
                to = (called.get("ob", now["ob"]), called.get("fl", now["fl"]), called["fn"])
                function.calls.append((to, cost))
                called, is_call = {}, False
            else:
                function.own += cost
    return functions


def part_of(function):
    """The folder of src/ that a function is of, "cipher", or None where it is a library's."""
    in_object, in_file, name = function
    if CIPHER.search(pathlib.PurePath(in_object).name):
        return "cipher"
    inside = re.search(r"/(?:src/(\w+)|(bench))/[^/]+$", in_file)
    part = (inside[1] or inside[2]) if inside and in_object.endswith(PROGRAM.name) else None
    return None if part in HELPERS or name in ALLOCATORS else part


def split_by_part(functions):
    """What each part costs, the library functions that it calls included: theirs is shared out among their callers by
    what each call cost."""
    callers = collections.defaultdict(list)
    for caller, function in functions.items():
        for called, cost in function.calls:
            callers[called].append((caller, cost))
    shares = {name: {part_of(name): 1.0} if part_of(name) else {} for name in functions}
    for _ in range(20):  # as deep as libraries call each other
        for name in functions:
            total = sum(cost for _, cost in callers[name])
            if part_of(name) or not total:
                continue
            mixed = collections.Counter()
            for caller, cost in callers[name]:
                for part, share in shares[caller].items():
                    mixed[part] += share * cost / total
            shares[name] = mixed
    parts = collections.Counter()
    for name, function in functions.items():
        for part, share in shares[name].items():
            parts[part] += function.own * share
    return parts


def measure(keep):
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "packet_path"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(keep).resolve() if keep else pathlib.Path(folder) / "callgrind.out"
        done = subprocess.run(["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}",
                               f"--toggle-collect={MEASURED}", PROGRAM, str(SECONDS)],
                              cwd=folder, text=True, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"packet_budget: {PROGRAM.name} under valgrind exited {done.returncode}\n{done.stdout}{done.stderr}")
        functions = read_callgrind(out)
    counted = json.loads(done.stdout)
    packets = counted["packets"]
    parts = split_by_part(functions)
    return {
        "instructions_per_packet": round(sum(function.own for function in functions.values()) / packets),
        "allocations_per_packet": round(counted["allocations"] / packets, 2),
        "parts": {part: round(cost / packets) for part, cost in parts.most_common() if cost >= packets},
        "compiler": subprocess.run(["g++", "-dumpfullversion"], text=True, capture_output=True).stdout.strip(),
    }


def show(measured, budget):
    allowed = budget.get("parts", {})
    print(f"{'instructions a packet':24}{'now':>8}{'budget':>9}")
    for part in sorted({*measured["parts"], *allowed}, key=lambda part: -measured["parts"].get(part, 0)):
        print(f"  {part:22}{measured['parts'].get(part, 0):8}{allowed.get(part, 0):9}")
    for key, text in (("instructions_per_packet", "in all"), ("allocations_per_packet", "allocations a packet")):
        print(f"{text:24}{measured[key]:8}{budget.get(key, '-'):>9}")


def judge(measured, budget):
    """What to say, and whether it is a failure."""
    for key in ("instructions_per_packet", "allocations_per_packet"):
        now, allowed = measured[key], budget[key]
        slack = max(allowed * TOLERANCE, ALLOCATIONS_TOLERANCE if key == "allocations_per_packet" else 0)
        what = key.replace("_", " ")
        if now > allowed + slack:
            other = f"; it was counted with g++ {budget['compiler']}, this is {measured['compiler']}" \
                if budget["compiler"] != measured["compiler"] else ""
            yield True, (f"{now} {what}, the budget allows {allowed} and 5 %{other}. Make it cheaper, or run "
                         "scripts/packet_budget.py --update and explain the higher cost in the commit")
        elif now < allowed - slack:
            yield False, f"{now} {what} are well below the budget of {allowed}: tighten it by scripts/packet_budget.py --update"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write what is measured into bench/packet_budget.json")
    parser.add_argument("--keep", metavar="FILE", help="leave callgrind's output there")
    arguments = parser.parse_args()
    budget = json.loads(BUDGET.read_text())
    measured = measure(arguments.keep)
    show(measured, budget)
    if arguments.update:
        BUDGET.write_text(json.dumps(measured, indent=2) + "\n")
        print(f"packet_budget: written to {BUDGET.relative_to(ROOT)}")
        return 0
    verdicts = list(judge(measured, budget))
    for failed, text in verdicts:
        print(f"packet_budget: {'FAILED: ' if failed else ''}{text}")
    if any(failed for failed, _ in verdicts):
        return 1
    print("packet_budget: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
