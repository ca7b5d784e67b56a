"""The figures of a chaos run, in sentences that a document can quote."""

import collections
import statistics

import checker

NOTICED_S = 1  # a spell that begins this soon after a fault is its doing


def unwell_until(history):
    """[(from, to)]: when something was not ready; `to` is None for the last if that never ended."""
    away, spells, since = set(), [], None
    for state in history.of("state"):
        (away.discard if state["is_ready"] else away.add)(state["instance"])
        if away and since is None:
            since = state["at"]
        elif not away and since is not None:
            spells.append((since, state["at"]))
            since = None
    return [*spells, (since, None)] if since is not None else spells


def recoveries(history):
    """[(seconds, is_alone)]: from the end of each fault until the first moment at which all was well. Alone: all was well when
    it began, and no other fault began or lasted from then until that moment. Otherwise the time includes what others did."""
    faults = [fault for fault in history.of("fault") if fault["outcome"] == "done"]
    spells, found = unwell_until(history), []
    for fault in faults:
        well = well_again(fault, spells)
        others = [other for other in faults if other is not fault and other["end"] > fault["begin"] and other["begin"] < well]
        earlier = [since for since, until in spells if since < fault["begin"] < (until or float("inf"))]
        found.append((max(0, well - fault["end"]), not others and not earlier))
    return found


def well_again(fault, spells):
    """The end of the first spell that lasts after the fault's end, or began during it and so shows when it was noticed."""
    for since, until in spells:
        if until is None or until > fault["end"]:
            return (until or float("inf")) if since <= fault["end"] + NOTICED_S else fault["end"]
    return fault["end"]


def figures(history, found):
    """found: checker.violations()"""
    submits, faults = collections.Counter(), collections.Counter()
    for submit in history.of("submit"):
        submits["acknowledged" if submit["status"] == 200 else "refused" if submit["status"] else "unanswered"] += 1
    for fault in history.of("fault"):
        faults[f"{fault['kind']} {fault['target'].removesuffix('-2')}" if fault["outcome"] == "done" else "skipped"] += 1
    operations = collections.Counter(record["op"] for record in history.of(*checker.ANSWERS))
    times = recoveries(history)
    alone = [seconds for seconds, is_alone in times if is_alone]
    said = [sentence for sentences in found.values() for sentence in sentences]
    return {
        "operations": operations.total(),
        "submissions": submits.total(),
        **{name: submits[name] for name in ("acknowledged", "refused", "unanswered")},
        "events": sum(1 for _ in history.of("event")),
        "lost": len(found.get("every_acknowledged_submission_has_its_result", []))
        + sum(sentence.startswith("lost") for sentence in said),
        "wrong": sum(sentence.startswith("wrong") for sentence in said),
        "uses of dead tokens": sum(1 for _ in checker.uses_of_dead_tokens(history)),
        "dead tokens accepted": len(found.get("a_dead_token_is_never_accepted", [])),
        "violations": len(said),
        "faults": dict(sorted(faults.items())),
        "recovery": spread([seconds for seconds, _ in times]),
        "recovery alone": spread(alone),
        "well after the last fault s": checker.only(history.of("lapse"))["seconds"],
    }


def spread(times):
    """count, median and maximum"""
    return [len(times), *(round(each, 1) for each in (statistics.median(times), max(times)))] if times else [0, None, None]


def text_of(figures, found, shape):
    faults = figures["faults"]
    yield shape
    yield (
        f"{figures['operations']:,} operations; {figures['submissions']:,} submissions, of which "
        f"{figures['acknowledged']:,} were acknowledged, {figures['refused']:,} refused, {figures['unanswered']:,} unanswered; "
        f"{figures['events']:,} live events"
    )
    yield f"{sum(faults.values())} faults: " + ", ".join(f"{count} {name}" for name, count in faults.items())
    yield (
        f"lost {figures['lost']}, wrong {figures['wrong']}; dead tokens used {figures['uses of dead tokens']:,} times, "
        f"accepted {figures['dead tokens accepted']} times; violations in all {figures['violations']}"
    )
    count, median, most = figures["recovery"]
    yield f"ready again after each of {count} faults, with what others did meanwhile: median {median} s, max {most} s"
    count, median, most = figures["recovery alone"]
    yield (
        f"ready again after {count} faults that no other overlapped: median {median} s, max {most} s; after the last fault "
        f"{figures['well after the last fault s']} s"
    )
    for rule, sentences in found.items():
        yield f"VIOLATED: {rule.replace('_', ' ')} ({len(sentences)} times)"
        yield from (f"    {sentence}" for sentence in sentences[:10])
