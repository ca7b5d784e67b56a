import { type UseInfiniteQueryResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { retryValue } from "../api/calls";
import { messageOf } from "../api/failure";
import type { Value } from "../api/generated";
import { Working } from "../parts/beads";
import { Link } from "../parts/link";
import { dismissErrors, notify } from "../parts/notices";
import { shownOfPreview } from "./digits";
import { formatAge, formatCount, formatDigits, formatDuration, formatTime, formatWait } from "./format";
import { KINDS } from "./kinds";
import { Groups } from "./number";
import { addRetried } from "./values";
import { OVERDUE_MS, type Wait } from "./wait";

const MOST_IN_ROW = 42;

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

function useRetry() {
	const queries = useQueryClient();

	return useMutation({
		mutationFn: ({ kind, index }: Value) => retryValue(kind, index),
		onMutate: dismissErrors,
		onSuccess: (retried) => addRetried(queries, retried),
		onError: (error) => notify("danger", messageOf(error)),
	});
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

function ValueRow({ value, now, wait }: { value: Value; now: number; wait: Wait | null }) {
	return (
		<li className="value" data-state={value.state} data-kind={value.kind}>
			<p className="value-name">
				{KINDS[value.kind].name} <b>{formatCount(value.index)}</b>
			</p>
			<time className="value-age" dateTime={value.submitted_at} title={formatTime(value.submitted_at)}>
				{formatAge(value.submitted_at, now)}
			</time>
			<Outcome value={value} wait={wait} />
		</li>
	);
}

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

type Listing = Pick<UseInfiniteQueryResult, "isPending" | "error" | "refetch" | "hasNextPage" | "fetchNextPage" | "isFetchingNextPage">;

export function ValueList({ values, listing, wait }: { values: Value[]; listing: Listing; wait: Wait | null }) {
	const now = useNow(30_000);

	if (listing.isPending) return <Skeleton />;
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
			<ul className="values">
				{values.map((value) => (
					<ValueRow key={value.id} value={value} now={now} wait={wait} />
				))}
			</ul>
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
