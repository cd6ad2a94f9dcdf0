"""`make bench`. Exit status 0 if all counts hold, 1 if not; BENCH="--only rest" and the like choose parts."""

import argparse
import subprocess
import sys
import time
from bisect import bisect_left
from collections import Counter

from bench.figures import Figures
from bench.rules import by_group, closed_at, opened_at, rule_writes
from bench.stage import Stage, seconds_of
from world import assets, cleanup

_GROUPS = 10
_MANY_GROUPS = 50
_LATENCY = 0.02  # seconds: nothing is answered sooner, so that the log tells what was under way together
_PACE = 0.2  # seconds between requests that are measured one by one: nothing waits for another
_REST = 330.0  # seconds: what is done every five minutes is done in it
_LIFE = 40  # seconds that they live
_BY_REQUEST = ("inventory", "many", "overdue")  # these take long: only with --only


def measure_one_by_one(figures: Figures, count: int) -> None:
    """From asking to the rule, from the end to its going, and how many objects are written on the way."""
    figures.part(f"{count} requests one by one, an end each; a cloud that answers at once")
    with Stage(_GROUPS) as stage:
        stage.settle()
        figures.info("resident memory, idle", stage.memory_at_rest(), "MiB", 16)
        stage.lab.forget_requests()
        ask = stage.asker(f"{_LIFE}s")
        asked = []
        begun = time.monotonic()
        for number in range(count):
            # By the clock, not by the last answer: a slow server is not asked less.
            time.sleep(max(0.0, begun + number * _PACE - time.monotonic()))
            asked.append(ask(number % _GROUPS))
        stage.wait_in_state("Active", count, _LIFE - count * _PACE)
        reads = len(stage.lab.requests())
        stage.wait_in_state("Expired", count, _LIFE + 60)
        stage.settle()
        log = stage.lab.requests()
        objects = stage.requests()
        recorded = stage.object_writes()
    writes = by_group(rule_writes(log))
    created = {write.name: write for write in recorded if write.verb == "create" and write.resource == "accessrequests"}
    operators = [write for write in recorded if write.user.startswith("system:serviceaccount:")]
    received, answered, late, early, never = [], [], [], 0, 0
    opening: Counter[str] = Counter()
    closing: Counter[str] = Counter()
    for each in asked:
        opened = opened_at(writes[each.group], each.group, each.source)
        closed = closed_at(writes[each.group], each.group, each.source)
        if opened is None or closed is None:
            never += 1
            continue
        ends = seconds_of(objects[each.name]["status"]["expiresAt"])
        received.append(opened - created[each.name].begun)
        answered.append(opened - created[each.name].done)
        late.append(closed - ends)
        early += closed < ends
        for write in operators:
            if write.code < 300 and write.name in (each.name, each.uid):
                (opening if write.begun < ends else closing)[each.name] += 1
    figures.count("requests that did not open and close", never, 0)
    figures.count("closed before their end", early, 0)
    figures.times("create arrives at the API server -> PUT arrives at the cloud", received, 60, 250)
    figures.times("create answered -> PUT arrives at the cloud", answered)
    figures.times("end -> the write that takes the source out arrives", late, None, 1000)
    figures.count("object writes from create to Active, most of any request", max(opening.values(), default=0), 4)
    figures.count("object writes from end to Expired, most of any request", max(closing.values(), default=0), 3)
    figures.at_least("object writes from create to Active, fewest", min(opening[each.name] for each in asked), 1)
    figures.at_least("object writes from end to Expired, fewest", min(closing[each.name] for each in asked), 1)
    ours = {each.name for each in asked} | {each.uid for each in asked}
    refused = sum(write.code >= 300 and write.name in ours for write in operators)
    figures.info("object writes about them that were refused", refused, "in all")
    figures.info("cloud requests while opening", reads / count, "a request")


def measure_rest(figures: Figures, count: int, seconds: float) -> None:
    """What an operator does that has nothing to do, and one that is started again."""
    figures.part(f"{count} active requests on {_GROUPS} NSGs at rest for {seconds:g} s, then a restart")
    with Stage(_GROUPS) as stage:
        began = time.monotonic()
        stage.ask_many(count, "30m")
        figures.info("asked for within", time.monotonic() - began, "s")
        stage.wait_in_state("Active", count, 300)
        figures.info("all proven open within", time.monotonic() - began, "s")
        stage.settle()
        objects, cpu = len(stage.operators_writes()), stage.cpu_seconds()
        figures.at_least("object writes for each request until then", objects / count, 1)
        stage.lab.forget_requests()
        time.sleep(seconds)
        figures.count("cloud writes", len(stage.lab.writes()), 0)
        figures.count("object writes", len(stage.operators_writes()) - objects, 0)
        figures.info("cloud reads", len(stage.lab.requests()), "in all")
        figures.info("processor time", 100 * (stage.cpu_seconds() - cpu) / seconds, "% of a core")
        figures.info("resident memory", stage.memory(), "MiB")
        figures.info("resident memory, highest ever", stage.peak_memory(), "MiB")
        objects = len(stage.operators_writes())
        stage.operator.kill9()
        stage.lab.forget_requests()
        began = time.monotonic()
        stage.operator.start()
        figures.info("ready again after", time.monotonic() - began, "s")
        stage.wait_in_state("Active", count, 60)
        stage.settle(quiet=10)
        figures.count("restart: cloud writes", len(stage.lab.writes()), 0)
        figures.count("restart: object writes", len(stage.operators_writes()) - objects, 0)
        figures.info("restart: resident memory", stage.memory(), "MiB")


def measure_burst(figures: Figures, count: int, operation: str) -> None:
    """Requests that are all there when the operator starts."""
    figures.part(f"{count} requests at once on {_GROUPS} NSGs; a write takes {operation} in the cloud")
    with Stage(_GROUPS) as stage:
        stage.settle()
        stage.operator.stop()
        asked = stage.ask_many(count, "100s")
        stage.lab.settings(operationTime=operation, retryAfter="0s" if operation == "0s" else "1s")
        stage.lab.forget_requests()
        began = time.monotonic()
        stage.operator.start()
        stage.wait_in_state("Active", count, 90)
        figures.info("all proven open within", time.monotonic() - began, "s")
        opening = by_group(rule_writes(stage.lab.requests()))
        figures.info("resident memory", stage.memory(), "MiB")
        stage.wait_in_state("Expired", count, 200)
        everything = by_group(rule_writes(stage.lab.requests()))
        objects = len([write for write in stage.operators_writes() if write.code < 300])
        ends = {name: item["status"]["expiresAt"] for name, item in stage.requests().items()}
    opened = [len(opening[group]) for group in range(_GROUPS)]
    closed = [len(everything[group]) - len(opening[group]) for group in range(_GROUPS)]
    figures.info("rule writes to open, of an NSG, most", max(opened), "")
    figures.info("rule writes to close, of an NSG, most", max(closed), "")
    # No end is earlier than it was granted, nor is it closed a second late: each takes a write.
    different = [len({ends[each.name] for each in asked if each.group == group}) for group in range(_GROUPS)]
    figures.info("ends, in whole seconds, of an NSG, most", max(different), "")
    total = [opens + closes for opens, closes in zip(opened, closed, strict=True)]
    figures.info("rule writes of an NSG, open and close, mean", sum(total) / len(total), "")
    figures.at_least("rule writes of an NSG to open, and to close, fewest", min(opened + closed), 1)
    figures.count("rule writes of an NSG, open and close, most", max(total), 6)
    figures.at_least("grants for each rule write", count / max(1, sum(total)), 5)
    figures.info("object writes of the operator", objects / count, "a request")
    gone = [closed_at(everything[each.group], each.group, each.source) for each in asked]
    figures.count("requests whose source was not taken out", gone.count(None), 0)
    late = [at - seconds_of(ends[each.name]) for each, at in zip(asked, gone, strict=True) if at is not None]
    figures.count("closed before their end", sum(each < 0 for each in late), 0)
    figures.times("end -> the write that takes the source out arrives", late, None, 1000)


def measure_same_end(figures: Figures, count: int) -> None:
    """Grants of one source on one NSG, granted together: the last end of each second takes the rule away for all."""
    figures.part(f"{count} requests at once from one source on one NSG")
    with Stage(1, one_source=True) as stage:
        stage.settle()
        stage.operator.stop()
        asked = stage.ask_many(count, "45s")
        stage.lab.forget_requests()
        began = time.monotonic()
        stage.operator.start()
        stage.wait_in_state("Active", count, 40)
        figures.info("all proven open within", time.monotonic() - began, "s")
        opening = rule_writes(stage.lab.requests())
        ends = {name: seconds_of(item["status"]["expiresAt"]) for name, item in stage.requests().items()}
        last = max(ends.values())
        cpu = stage.cpu_seconds()
        stage.lab.forget_requests()
        stage.wait_in_state("Expired", count, 120)
        figures.info("all proven closed after the last end", time.time() - last, "s")
        figures.info("processor time from all open until then", stage.cpu_seconds() - cpu, "s")
        log = stage.lab.requests()
    closing = rule_writes(log)
    figures.info("ends, in whole seconds", len({ends[each.name] for each in asked}), "")
    figures.info("rule writes to open", len(opening), "")
    figures.at_least("rule writes to close", len(closing), 1)
    figures.count("rule writes to open and to close", len(opening) + len(closing), 6)
    figures.info("cloud requests while closing", len(log), "in all")
    gone = closed_at(opening + closing, 0, asked[0].source)
    figures.count("the source was not taken out", int(gone is None), 0)
    if gone is not None:
        figures.count("it was taken out before the last end", int(gone < last), 0)
        figures.info("last end -> the write that takes the source out arrives", (gone - last) * 1000, "ms", 1000)


def measure_inventory(figures: Figures) -> None:
    """A large subscription at rest, on a clock that a test moves: what is counted are requests to the cloud."""
    figures.part("10,000 VMs and 5,000 NSGs at rest, all locked; then some of them change")
    tests = assets.binary("tests/portcullis_controllers_tests")
    ended = subprocess.run([tests, "[.scale]"], capture_output=True, text=True, timeout=3600)
    for line in ended.stdout.splitlines():
        if line.startswith("FIGURE "):
            name, value, limit = line.removeprefix("FIGURE ").split("\t")
            if float(limit) > 0:
                figures.count(name, float(value), float(limit))
            else:
                figures.info(name, float(value), "")
    if ended.returncode != 0:
        print(ended.stdout[-4000:])
    figures.count("changes that were not locked within a period, or tests that failed", int(ended.returncode != 0), 0)


def measure_overdue(figures: Figures, count: int) -> None:
    """Grants that all ended while nobody was there, a rule each; and who comes next."""
    figures.part(f"{count} overdue grants on {_MANY_GROUPS} NSGs, a rule each; then the operator starts")
    life = 60 + count // 15  # seconds; all have to be open by then
    with Stage(_MANY_GROUPS, own_ports=True) as stage:
        began = time.monotonic()
        stage.ask_many(count, f"{life}s")
        stage.wait_in_state("Active", count, life - (time.monotonic() - began))
        figures.info("all proven open within", time.monotonic() - began, "s")
        stage.operator.kill9()
        ends = max(seconds_of(each["status"]["expiresAt"]) for each in stage.requests().values())
        time.sleep(max(0.0, ends + 1 - time.time()))
        stage.ask_many(_GROUPS, "10m")
        stage.lab.settings(latency=f"{_LATENCY * 1000:g}ms")
        stage.lab.forget_requests()
        began = time.monotonic()
        stage.operator.start()
        stage.wait_in_state("Expired", count, 1200)
        figures.info("all proven closed within", time.monotonic() - began, "s")
        stage.wait_in_state("Active", _GROUPS, 120)
        figures.info("new requests open after", time.monotonic() - began, "s")
        log = stage.lab.requests()
        writes = rule_writes(log)
        closings = [write.at for write in writes if not write.sources]
        openings = [write.at for write in writes if write.sources]
        figures.at_least("rules removed", len(closings), count)
        figures.count("rules removed more than once", len(closings) - count, 0)
        figures.at_least("rules opened, after that", len(openings), 1)
        figures.count("rules opened before the last was removed", sum(at < max(closings) for at in openings), 0)
        times = sorted(seconds_of(entry["time"]) for entry in log if "/oauth2/" not in entry["path"])
        together = max(bisect_left(times, at + _LATENCY * 0.95) - place for place, at in enumerate(times))
        figures.count("calls to the cloud at once, most", together, 8)
        figures.count("resident memory, highest, MiB", round(stage.peak_memory(), 1), 128)


def measure_many(figures: Figures, count: int) -> None:
    """Memory with many requests, a thousand of them active and the others refused."""
    figures.part(f"{count} requests, 1000 of them active")
    with Stage(_GROUPS) as stage:
        stage.settle()
        figures.info("resident memory, idle", stage.memory_at_rest(), "MiB", 16)
        stage.ask_many(1000, "1h")
        stage.wait_in_state("Active", 1000, 300)
        stage.ask_many(count - 1000, "2h")  # longer than the policy allows
        stage.wait_in_state("Denied", count - 1000, 1200)
        stage.settle()
        figures.info("resident memory", stage.memory_at_rest(), "MiB", 32)
        stage.operator.kill9()
        stage.operator.start()
        stage.wait_in_state("Active", 1000, 60)
        stage.settle()
        figures.info("resident memory after a restart", stage.memory_at_rest(), "MiB", 32)
        figures.info("highest", stage.peak_memory(), "MiB")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=("latency", "rest", "burst", "inventory", "many", "overdue"), help="this part alone")
    parser.add_argument("--many", type=int, default=10_000, help="requests of the part `many`, which runs only by --only")
    parser.add_argument("--overdue", type=int, default=5_000, help="grants of the part `overdue`, likewise")
    chosen = parser.parse_args()
    figures = Figures()
    parts = {
        "latency": lambda: measure_one_by_one(figures, 120),
        "rest": lambda: measure_rest(figures, 1000, _REST),
        "burst": lambda: (
            measure_burst(figures, 1000, "0s"), measure_burst(figures, 1000, "2s"), measure_same_end(figures, 300),
        ),
        "inventory": lambda: measure_inventory(figures),
        "many": lambda: measure_many(figures, chosen.many),
        "overdue": lambda: measure_overdue(figures, chosen.overdue),
    }
    try:
        for name, measure in parts.items():
            if chosen.only == name or (chosen.only is None and name not in _BY_REQUEST):
                measure()
    finally:
        cleanup.run_all()
    print("\n" + ("\n".join(f"MISSED {each}" for each in figures.missed) or "all counts hold"))
    return 1 if figures.missed else 0


if __name__ == "__main__":
    sys.exit(main())
