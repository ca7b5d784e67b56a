import { InfiniteQueryObserver, type QueryClient } from "@tanstack/react-query";
import { beforeEach, expect, it, vi } from "vitest";
import { fetchValues, type ValuePage } from "../src/api/calls";
import type { LiveValue, Value } from "../src/api/generated";
import { createQueryClient } from "../src/query-client";
import type { ValueQuery } from "../src/values/filter";
import { addLive, addSubmitted, valuesOf, valuesQuery } from "../src/values/values";

vi.mock("../src/api/calls", async (original) => ({ ...(await original()), fetchValues: vi.fn() }));

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

it("a live result that arrives while the list is being fetched is not lost", async () => {
	let reply: (page: ValuePage) => void = () => {};
	vi.mocked(fetchValues).mockImplementation(() => new Promise((resolve) => (reply = resolve)));
	have([value("1")]);
	const fetched = queries.fetchInfiniteQuery({ ...valuesQuery(7, true), staleTime: 0 });
	expect(addLive(queries, live())).toBe(true);
	reply({ values: [value("1")], next: null });
	await fetched;
	expect(seen()[0]).toMatchObject({ state: "done", preview: "21" });
});

it.each(["at first", "again"])("a submission is not lost while the list is being fetched %s", async (when) => {
	const replies: ((page: ValuePage) => void)[] = [];
	vi.mocked(fetchValues).mockImplementation(() => new Promise((resolve) => replies.push(resolve)));
	if (when === "again") have([value("1")]);
	const query = { ...valuesQuery(7, true), staleTime: 0 };
	const end = new InfiniteQueryObserver(queries, query).subscribe(() => {});
	await vi.waitFor(() => expect(replies).toHaveLength(1));
	addSubmitted(queries, { working: true, id: "2", kind: "fibonacci", index, state: "pending" });
	await vi.waitFor(() => expect(replies).toHaveLength(2));
	replies[0]?.({ values: [value("1")], next: null });
	replies[1]?.({ values: [value("2"), value("1")], next: null });
	await vi.waitFor(() => expect(queries.isFetching()).toBe(0));
	expect(seen().map(({ id }) => id)).toEqual(["2", "1"]);
	end();
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

/* ---- fetching a list again ---- */

const done = (id: number) =>
	value(`${id}`, { state: "done", digits: 2, preview: "21", duration_us: 4, calculated_at: "2026-01-02T03:04:06.000Z" });
const doneFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => done(first - i));

/* The server has ALL, newest first. Resolves to how it was asked for them again, when the list had the first page and PAGES more. */
async function refetched(all: Value[], pages: number, change: () => void = () => {}, filter: ValueQuery | null = null) {
	const asked: string[] = [];
	vi.mocked(fetchValues).mockImplementation(async (after, query): Promise<ValuePage> => {
		const limit = (query as { limit?: number } | null)?.limit ?? (after ? 200 : 50);
		const rest = after ? all.filter(({ id }) => Number(id) < Number(after)) : all;
		asked.push(`${limit} after ${after}`);
		return { values: rest.slice(0, limit), next: rest.length > limit ? (rest[limit - 1]?.id ?? null) : null };
	});
	await queries.fetchInfiniteQuery({ ...valuesQuery(7, true, filter), pages: pages + 1 } as never);
	change();
	asked.length = 0;
	await queries.fetchInfiniteQuery({ ...valuesQuery(7, true, filter), staleTime: 0 });
	return asked;
}

it("of a list of 10,000 values, one of them pending, two pages are fetched again", async () => {
	const all = doneFrom(10_000, 10_000);
	all[5000] = value("5000");
	const asked = await refetched(all, 50);
	expect(asked).toEqual(["200 after null", "200 after 5151"]);
	expect(seen().map(({ id }) => id)).toEqual(all.map(({ id }) => id));
});

it("what is new on the first page leaves the other pages as they are", async () => {
	const all = doneFrom(500, 500);
	const asked = await refetched(all, 2, () => all.unshift(...doneFrom(540, 40)));
	expect(asked).toEqual(["200 after null"]);
	expect(seen()).toHaveLength(490);
	expect(seen().map(({ id }) => id)).toEqual(all.slice(0, 490).map(({ id }) => id));
});

it("when more is new than a page has, all pages are fetched again", async () => {
	const all = doneFrom(500, 500);
	const asked = await refetched(all, 2, () => all.unshift(...doneFrom(1000, 500)));
	expect(asked).toEqual(["200 after null", "50 after null", "200 after 951", "200 after 751"]);
	expect(seen().map(({ id }) => id)).toEqual(all.slice(0, 450).map(({ id }) => id));
});

it("a list that has become empty has no pages left", async () => {
	const all = doneFrom(500, 500);
	await refetched(all, 2, () => all.splice(0));
	expect(seen()).toEqual([]);
});

it.each([{ state: "done" }, { order: "lowest" }] as const)(
	"with %o a value may come between others, so all pages are fetched again",
	async (filter) => {
		expect(await refetched(doneFrom(500, 500), 2, undefined, filter)).toHaveLength(3);
	},
);
