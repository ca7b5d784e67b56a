import { type UseInfiniteQueryResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { type FocusEvent, memo, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { deleteValue } from "../api/calls";
import { messageOf } from "../api/failure";
import type { Value } from "../api/generated";
import { Working } from "../parts/beads";
import { Link } from "../parts/link";
import { Menu } from "../parts/menu";
import { dismissErrors, notify } from "../parts/notices";
import { copyText } from "./copy";
import { shownOfPreview } from "./digits";
import { type Folded, folded } from "./filter";
import { formatAge, formatCount, formatDigits, formatDuration, formatTime, formatWait } from "./format";
import { followKey } from "./history-tools";
import { KINDS } from "./kinds";
import { Groups } from "./number";
import { useRetry } from "./retry";
import { removeValues } from "./values";
import { useVisibleRows } from "./visible-rows";
import { OVERDUE_MS, type Wait } from "./wait";

const MOST_IN_ROW = 30;

function useNow(everyMs: number): number {
	const [now, setNow] = useState(Date.now);

	useEffect(() => {
		const timer = setInterval(() => setNow(Date.now()), everyMs);
		return () => clearInterval(timer);
	}, [everyMs]);
	return now;
}

/* What a pending value waits for, and for how long, once it takes longer than usual. */
function Pending({ value, wait }: { value: Value; wait: Wait | null }) {
	const waitedMs = useNow(1000) - Date.parse(value.submitted_at);
	const isOverdue = waitedMs >= OVERDUE_MS;

	return (
		<>
			<p className="value-main">
				<Working />
				<span>{(isOverdue && wait?.text) || "Being calculated"}</span>
			</p>
			<p className="value-side">{isOverdue && `for ${formatWait(waitedMs)}`}</p>
		</>
	);
}

/* The first and the last digits of a preview, which has up to some hundred: a list shows which number it is, not all of it. */
function Shortened({ preview, length }: { preview: string; length: number }) {
	const { first, last } = shownOfPreview(preview, length, MOST_IN_ROW);

	return (
		<>
			<Groups digits={first} />
			{last !== "" && <span className="big-gap">…</span>}
			<Groups digits={last} />
		</>
	);
}

/* The state of a value; two lines in every state, so that a row does not change its height. */
function Outcome({ value, wait }: { value: Value; wait: Wait | null }) {
	const retrying = useRetry();

	if (value.state === "pending") return <Pending value={value} wait={wait} />;
	if (value.state === "failed") {
		return (
			<>
				<p className="value-main value-problem">Failed: several workers stopped while they calculated it.</p>
				<p className="value-side">
					<button type="button" className="button is-small" disabled={retrying.isPending} onClick={() => retrying.mutate(value)}>
						Retry{" "}
						<span className="is-sr-only">
							{KINDS[value.kind].name} {value.index}
						</span>
					</button>
				</p>
			</>
		);
	}
	return (
		<>
			<p className="value-main">
				<Link
					className="number"
					to={`/values/${value.kind}/${value.index}`}
					state={{ depth: 1 }}
					aria-label={`${KINDS[value.kind].name} ${value.index}, the whole result`}
				>
					<Shortened preview={value.preview ?? ""} length={value.digits ?? 0} />
				</Link>
			</p>
			<p className="value-side">
				{formatDigits(value.digits ?? 0)} in {formatDuration(value.duration_us ?? 0)}
			</p>
		</>
	);
}

function useDelete() {
	const queries = useQueryClient();

	return useMutation({
		mutationFn: async (ids: string[]) => {
			for (const id of ids) {
				await deleteValue(id);
				removeValues(queries, [id]);
			}
		},
		onMutate: dismissErrors,
		onError: (error) => notify("danger", messageOf(error)),
		onSettled: () => queries.invalidateQueries({ queryKey: ["values"] }),
	});
}

function RowMenu({ value, ids }: Folded) {
	const deleting = useDelete();
	const address = `/values/${value.kind}/${value.index}`;

	async function copyLink() {
		if (await copyText(`${window.location.origin}${address}`)) notify("success", "Link copied");
		else notify("danger", "The browser does not allow this page to copy.");
	}

	return (
		<Menu label={`More about ${KINDS[value.kind].name} ${value.index}`}>
			<button type="button" onClick={copyLink}>
				Copy the link
			</button>
			<button type="button" className="is-bad" disabled={deleting.isPending} onClick={() => deleting.mutate(ids)}>
				{ids.length > 1 ? `Delete all ${ids.length}` : "Delete"}
			</button>
		</Menu>
	);
}

interface RowProps {
	value: Value;
	ids: string; // with spaces between them, so that it is the same for the same submissions
	now: number;
	wait: Wait | null; // null of a value that is not pending
	row: number;
	count: number; // of all rows
	gapPx: number; // how high the rows before it are that are not in the document
}

/* Rendered only when it changes. It lights up when it becomes done, not when it is scrolled to. */
const ValueRow = memo(function ValueRow({ value, ids: joined, now, wait, row, count, gapPx }: RowProps) {
	const [firstState] = useState(value.state);
	const ids = joined.split(" ");

	return (
		<li
			className="value"
			data-id={value.id}
			data-state={value.state}
			data-kind={value.kind}
			data-arrived={(value.state === "done" && firstState !== "done") || undefined}
			aria-posinset={row + 1}
			aria-setsize={count}
			style={gapPx > 0 ? { marginTop: `${gapPx}px` } : undefined}
		>
			<p className="value-name">
				{KINDS[value.kind].name} <b>{formatCount(value.index)}</b>
				{ids.length > 1 && <span className="value-times"> {ids.length} ×</span>}
			</p>
			<time className="value-age" dateTime={value.submitted_at} title={formatTime(value.submitted_at)}>
				{formatAge(value.submitted_at, now)}
			</time>
			<Outcome value={value} wait={wait} />
			<RowMenu value={value} ids={ids} />
		</li>
	);
});

/* Reserves the height of the rows that are being fetched. */
function Skeleton() {
	return (
		<ul className="values" aria-hidden="true">
			{[1, 2, 3, 4].map((row) => (
				<li key={row} className="value value-blank" />
			))}
		</ul>
	);
}

/* The rows, of which only those near what is seen are in the document, and the one that had the focus last with its neighbours: so it keeps the focus
 * when it is scrolled away, and Tab goes on from there. */
function Rows({ values, wait, onKeys }: { values: Value[]; wait: Wait | null; onKeys: () => void }) {
	const now = useNow(30_000);
	const all = useMemo(() => folded(values), [values]);
	const ids = useMemo(() => all.map(({ value }) => value.id), [all]);
	const listRef = useRef<HTMLUListElement>(null);
	const [focused, setFocused] = useState<string | null>(null);
	const awaitedRef = useRef<string | null>(null); // the row that gets the focus as soon as it is in the document
	const { rows, endPx } = useVisibleRows(listRef, ids, focused);

	function focusLink(id: string): boolean {
		const link = listRef.current?.querySelector<HTMLElement>(`[data-id="${id}"] .value-main a`);
		link?.focus();
		return Boolean(link);
	}

	useLayoutEffect(() => {
		if (awaitedRef.current && focusLink(awaitedRef.current)) awaitedRef.current = null;
	});

	/* To the next result in the direction BY, 1 or -1. */
	function move(by: number) {
		let row = focused === null ? -1 : ids.indexOf(focused);
		do row += by;
		while (all[row] && all[row]?.value.state !== "done");
		const id = ids[row];
		if (id === undefined || focusLink(id)) return;
		awaitedRef.current = id;
		setFocused(id);
	}

	function onFocus({ target }: FocusEvent) {
		setFocused(target.closest<HTMLElement>(".value")?.dataset.id ?? null);
	}

	return (
		<ul
			ref={listRef}
			className="values"
			style={endPx > 0 ? { paddingBottom: `${endPx}px` } : undefined}
			onFocus={onFocus}
			onKeyDown={(event) => followKey(event, move, onKeys)}
		>
			{rows.map(({ row, gapPx }) => {
				const { value, ids } = all[row] as Folded;
				return (
					<ValueRow
						key={value.id}
						value={value}
						ids={ids.join(" ")}
						now={now}
						wait={value.state === "pending" ? wait : null}
						row={row}
						count={all.length}
						gapPx={gapPx}
					/>
				);
			})}
		</ul>
	);
}

type Listing = Pick<UseInfiniteQueryResult, "isPending" | "error" | "refetch" | "hasNextPage" | "fetchNextPage" | "isFetchingNextPage">;

export function ValueList({
	values,
	listing,
	wait,
	isFiltered,
	onKeys,
}: {
	values: Value[];
	listing: Listing;
	wait: Wait | null;
	isFiltered: boolean;
	onKeys: () => void;
}) {
	const isPartial = values.length === 0 && listing.hasNextPage && !listing.isFetchingNextPage && !listing.error;
	const { fetchNextPage } = listing;

	/* A page of a filtered list may be empty although a later one is not. */
	useEffect(() => {
		if (isPartial) fetchNextPage();
	}, [isPartial, fetchNextPage]);

	if (listing.isPending || (values.length === 0 && listing.hasNextPage)) return <Skeleton />;
	if (listing.error && values.length === 0) {
		return (
			<div className="values-empty">
				<p className="block">{messageOf(listing.error)}</p>
				<button type="button" className="button" onClick={() => listing.refetch()}>
					Try again
				</button>
			</div>
		);
	}
	if (values.length === 0 && isFiltered) {
		return (
			<div className="values-empty">
				<p className="block">None of your values is like that.</p>
				<Link className="button" to="/">
					Show all
				</Link>
			</div>
		);
	}
	if (values.length === 0) {
		return (
			<div className="values-empty">
				<p>Nothing submitted yet.</p>
				<p className="soft">Try Fibonacci 7: it gives 21.</p>
			</div>
		);
	}
	return (
		<>
			<Rows values={values} wait={wait} onKeys={onKeys} />
			{listing.hasNextPage && (
				<button
					type="button"
					className="button is-fullwidth more"
					disabled={listing.isFetchingNextPage}
					onClick={() => listing.fetchNextPage()}
				>
					{listing.isFetchingNextPage ? "Fetching…" : "Earlier values"}
				</button>
			)}
		</>
	);
}
