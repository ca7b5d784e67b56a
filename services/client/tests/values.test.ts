import type { QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, it, vi } from "vitest";
import type { LiveValue, Value } from "../src/api/generated";
import { createQueryClient } from "../src/query-client";
import { addLive, addSubmitted, valuesOf, valuesQuery } from "../src/values/values";

const KEY = ["values", 7];
let queries: QueryClient;
let index = 1000; // live results are remembered, so each test has an index of its own

function value(id: string, more: Partial<Value> = {}): Value {
	return {
		id,
		kind: "fibonacci",
		index,
		state: "pending",
		digits: null,
		preview: null,
		submitted_at: "2026-01-02T03:04:05.000Z",
		calculated_at: null,
		duration_us: null,
		...more,
	};
}

function live(more: Partial<LiveValue> = {}): LiveValue {
	return { event: "value", kind: "fibonacci", index, digits: 2, preview: "21", duration_us: 4, ...more };
}

function have(...pages: Value[][]) {
	queries.setQueryData(KEY, { pages: pages.map((values) => ({ values, next: null })), pageParams: pages.map(() => null) });
}

const seen = () => valuesOf(queries.getQueryData(KEY));

beforeEach(() => {
	index++;
	queries = createQueryClient();
});

it("a live result is written into every submission that waits for it, on every page", () => {
	have([value("3"), value("2", { kind: "lucas" })], [value("1")]);
	expect(addLive(queries, live())).toBe(true);
	expect(seen().map(({ state, preview }) => [state, preview])).toEqual([
		["done", "21"],
		["pending", null],
		["done", "21"],
	]);
});

it("a live result has the lists fetched that are filtered by state, and no others", () => {
	const keys = [KEY, [...KEY, { state: "done" }], [...KEY, { kind: "fibonacci" }]];
	have([value("1")]);
	for (const key of keys.slice(1)) queries.setQueryData(key, { pages: [], pageParams: [] });
	addLive(queries, live());
	expect(keys.map((key) => queries.getQueryState(key)?.isInvalidated)).toEqual([false, true, false]);
});

it("a live result that no submission waits for changes nothing", () => {
	have([value("1", { state: "done", preview: "x" })]);
	expect(addLive(queries, live())).toBe(false);
	expect(seen()[0]?.preview).toBe("x");
});

it("a submission appears at the top of the list at once", () => {
	have([value("1")]);
	addSubmitted(queries, { working: true, id: "2", kind: "fibonacci", index, state: "pending" });
	expect(seen().map(({ id }) => id)).toEqual(["2", "1"]);
});

it("a submission is in the list once, even if it is added again", () => {
	have([value("2")]);
	addSubmitted(queries, { working: true, id: "2", kind: "fibonacci", index, state: "pending" });
	expect(seen()).toHaveLength(1);
});

it("a live result that arrived before the reply to its submission is not lost", () => {
	have([]);
	addLive(queries, live());
	addSubmitted(queries, { working: true, id: "2", kind: "fibonacci", index, state: "pending" });
	expect(seen()[0]).toMatchObject({ state: "done", preview: "21" });
});

it("a result that was calculated earlier is fetched", () => {
	const asking = vi.spyOn(queries, "invalidateQueries");
	have([]);
	addSubmitted(queries, { working: true, id: "2", kind: "fibonacci", index, state: "done" });
	expect(seen()[0]?.state).toBe("pending");
	expect(asking).toHaveBeenCalledWith({ queryKey: ["values"] });
});

it("the list is polled every 2 s without a live connection, every 10 s with one, and never when all values are done", () => {
	const every = (isLive: boolean, ...values: Value[]) => {
		have(values);
		const interval = valuesQuery(7, isLive).refetchInterval as (query: unknown) => number | false;
		return interval({ state: { data: queries.getQueryData(KEY) } });
	};
	expect(every(false, value("1"))).toBe(2000);
	expect(every(true, value("1"))).toBe(10_000);
	expect(every(false, value("1", { state: "done" }))).toBe(false);
});
