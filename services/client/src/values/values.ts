/* The user's submissions as cached pages of GET /api/values, newest first; results that arrive live are written into them. */
import { type InfiniteData, infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";
import { fetchKinds, fetchResult, fetchValues, LARGEST_PAGE, submitValue, type ValuePage } from "../api/calls";
import { Failure } from "../api/failure";
import type { Kind, LiveValue, Submitted, Value } from "../api/generated";
import type { ValueQuery } from "./filter";

type Pages = InfiniteData<ValuePage>;

const POLL_MS = 2000; // while the live connection is not open
const LOOK_AGAIN_MS = 10_000; // while it is open, because it does not announce failures
const RECENT_MAX = 200;

export function valuesOf(data: Pages | undefined): Value[] {
	return data?.pages.flatMap((page) => page.values) ?? [];
}

/* The latest live results, because a result may arrive before the reply to its submission. */
const recent: LiveValue[] = [];

function isOf(value: { kind: Kind; index: number }, other: { kind: Kind; index: number }): boolean {
	return value.kind === other.kind && value.index === other.index;
}

function finished(value: Value, live: LiveValue): Value {
	const { digits, preview, duration_us } = live;

	return { ...value, state: "done", digits, preview, duration_us, calculated_at: new Date().toISOString() };
}

/* ---- fetching a list again ----
 *
 * A list is fetched again page by page, and every few seconds while a value of it is pending. A page behind the first stays as it is if all its values
 * are done, because those never change, so of thousands of values few are fetched again. What another tab or device deletes stays in such a page until
 * the window is loaded again. */

/* In the order of submission new values are on the first page. In another order, and by state, values come between others. */
function hasLastingPages(filter: ValueQuery | null): boolean {
	return filter === null || (filter.state === undefined && filter.order === undefined);
}

function isSettled({ values }: ValuePage): boolean {
	return values.length > 0 && values.every(({ state }) => state === "done");
}

/* The server may have written PAGE before a result that has arrived since. */
function withArrived(page: ValuePage): ValuePage {
	const values = page.values.map((value) => {
		const live = value.state === "pending" && recent.find((one) => isOf(value, one));
		return live ? finished(value, live) : value;
	});

	return { ...page, values };
}

/* The first page up to where the second one of KNOWN begins, so that this stays. null: more has come before it than fits in a page. */
async function fetchFirst({ pages: [, second], pageParams }: Pages, filter: ValueQuery | null): Promise<ValuePage | null> {
	const behind = new Set(second?.values.map(({ id }) => id));
	const { values } = await fetchValues(null, { ...filter, limit: LARGEST_PAGE });
	const end = values.findIndex(({ id }) => behind.has(id));

	return end < 0 ? null : { values: values.slice(0, end), next: pageParams[1] as string | null };
}

/* KNOWN: what the list has. */
async function fetchPage(known: Pages | undefined, after: string | null, filter: ValueQuery | null): Promise<ValuePage> {
	const at = known && hasLastingPages(filter) ? known.pageParams.indexOf(after) : -1;
	const page = known?.pages[at];

	if (page && at > 0 && isSettled(page)) return page;
	const first = known && at === 0 && known.pages.length > 1 ? await fetchFirst(known, filter) : null;
	return withArrived(first ?? (await fetchValues(after, filter)));
}

/* FILTER: null for all of them, which are the list that submissions are added to. */
export function valuesQuery(userId: number, isLive: boolean, filter: ValueQuery | null = null) {
	const queryKey = filter ? ["values", userId, filter] : ["values", userId];

	return infiniteQueryOptions({
		queryKey,
		queryFn: ({ pageParam, client }) => fetchPage(client.getQueryData<Pages>(queryKey), pageParam, filter),
		initialPageParam: null as string | null,
		getNextPageParam: (page) => page.next,
		refetchInterval: ({ state }) =>
			valuesOf(state.data).some((value) => value.state === "pending") ? (isLive ? LOOK_AGAIN_MS : POLL_MS) : false,
	});
}

export const kindsQuery = queryOptions({ queryKey: ["kinds"], queryFn: fetchKinds, staleTime: Number.POSITIVE_INFINITY });

/* A result that nobody has asked for yet is asked for. */
async function fetchOrSubmit(kind: Kind, index: number) {
	try {
		return await fetchResult(kind, index);
	} catch (error) {
		if (!(error instanceof Failure && error.httpStatus === 404)) throw error;
		await submitValue(kind, index);
		return fetchResult(kind, index);
	}
}

const SOON_MS = 200; // most are calculated within some milliseconds
const LATER_MS = 1000;
const SOON_COUNT = 5;

/* SUBMITS: for strangers, who have no list that a submission would appear in. */
export function resultQuery(kind: Kind, index: number, submits = false) {
	return queryOptions({
		queryKey: ["result", kind, index],
		queryFn: () => (submits ? fetchOrSubmit(kind, index) : fetchResult(kind, index)),
		refetchInterval: ({ state }) => state.data === null && (state.dataUpdateCount < SOON_COUNT ? SOON_MS : LATER_MS),
		staleTime: ({ state }) => (state.data ? Number.POSITIVE_INFINITY : 0), // a result never changes
		gcTime: 60_000, // short, because a result has up to half a megabyte
	});
}

const isOfAll = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey.length === 2;

/* A value that is done leaves such a list, or comes into it. */
const isByState = ({ queryKey }: { queryKey: readonly unknown[] }) => (queryKey[2] as ValueQuery | undefined)?.state !== undefined;

function change(
	queries: QueryClient,
	of: (pages: ValuePage[]) => ValuePage[],
	predicate: (query: { queryKey: readonly unknown[] }) => boolean = () => true,
) {
	queries.setQueriesData<Pages>({ queryKey: ["values"], predicate }, (data) => {
		const pages = data && of(data.pages);
		return data?.pages === pages ? undefined : data && pages && { ...data, pages };
	});
}

/* What does not change stays the same object, so that nothing is rendered for a result that no list waits for. */
function changedIn(pages: ValuePage[], isMeant: (value: Value) => boolean, to: (value: Value) => Value): ValuePage[] {
	if (!pages.some((page) => page.values.some(isMeant))) return pages;
	return pages.map((page) =>
		page.values.some(isMeant) ? { ...page, values: page.values.map((value) => (isMeant(value) ? to(value) : value)) } : page,
	);
}

/* Writes a live result into the lists. Returns whether one was waiting for it. */
export function addLive(queries: QueryClient, live: LiveValue): boolean {
	let wasAwaited = false;

	recent.push(live);
	if (recent.length > RECENT_MAX) recent.shift();
	change(queries, (pages) =>
		changedIn(
			pages,
			(value) => value.state !== "done" && isOf(value, live),
			(value) => {
				wasAwaited = true;
				return finished(value, live);
			},
		),
	);
	if (wasAwaited) {
		queries.invalidateQueries({ queryKey: ["result", live.kind, live.index] });
		queries.invalidateQueries({ queryKey: ["values"], predicate: isByState });
	}
	return wasAwaited;
}

/* A failed calculation was put back: all its rows wait again, and what they show until the list is fetched is that. */
export function addRetried(queries: QueryClient, retried: { kind: Kind; index: number }): void {
	change(queries, (pages) =>
		changedIn(
			pages,
			(value) => value.state === "failed" && isOf(value, retried),
			(value) => ({ ...value, state: "pending" }),
		),
	);
	queries.invalidateQueries({ queryKey: ["values"] });
}

/* Takes submissions out of every list at once. */
export function removeValues(queries: QueryClient, ids: readonly string[]): void {
	change(queries, (pages) => pages.map((page) => ({ ...page, values: page.values.filter((value) => !ids.includes(value.id)) })));
}

/* Puts a submission at the top of the list at once, and fetches what the reply does not contain. */
export function addSubmitted(queries: QueryClient, submitted: Submitted): void {
	const { id, kind, index, state } = submitted;
	const blank: Value = {
		id,
		kind,
		index,
		state,
		digits: null,
		preview: null,
		submitted_at: new Date().toISOString(),
		calculated_at: null,
		duration_us: null,
	};
	const live = recent.find((value) => isOf(value, submitted));
	const known = live ? finished(blank, live) : state === "done" ? { ...blank, state: "pending" as const } : blank;

	const add = ([first, ...others]: ValuePage[]) => {
		if (!first) return [];
		return first.values.some((value) => value.id === id) ? [first, ...others] : [{ ...first, values: [known, ...first.values] }, ...others];
	};

	/* The server may have written what is on its way before the submission. */
	const isOutdated = queries.isFetching({ queryKey: ["values"], predicate: isOfAll }) > 0;

	queries.cancelQueries({ queryKey: ["values"], predicate: isOfAll }, { revert: false, silent: true });
	change(queries, add, isOfAll);
	queries.invalidateQueries({ queryKey: ["values"], predicate: (query) => !isOfAll(query) });
	if (isOutdated || (state !== "pending" && !live)) queries.invalidateQueries({ queryKey: ["values"] });
}
