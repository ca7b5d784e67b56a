import { keepPreviousData, onlineManager, useInfiniteQuery } from "@tanstack/react-query";
import { Suspense, useCallback, useMemo, useState, useSyncExternalStore } from "react";
import type { LiveValue } from "../api/generated";
import type { LiveState, Lost } from "../live/live";
import { useLive } from "../live/use-live";
import { chunk } from "../parts/chunks";
import { Page } from "../parts/page";
import type { Session } from "../session/session";
import { queryOf } from "./filter";
import { formatDigits } from "./format";
import { HistoryTools, KeysDialog, useFilter } from "./history-tools";
import { KINDS } from "./kinds";
import { SubmitForm } from "./submit-form";
import { ValueList } from "./value-list";
import { valuesOf, valuesQuery } from "./values";
import { useWait } from "./wait";

const Plot = chunk(() => import("./plot"), true);

type Shown = LiveState | "offline" | "delayed";

const LIVE_TEXTS: Record<Shown, string> = {
	open: "Live",
	connecting: "Connecting",
	waiting: "Reconnecting",
	offline: "Offline",
	delayed: "Results are delayed",
};

const LOST_TEXTS: Record<Lost[number], string> = { redis: "The queue is down", postgres: "The database is down" };

/* An open connection alone is not enough: the browser may be offline before it notices, the server may have lost what results need, and results may
 * not be calculated at all. */
function shownOf(live: LiveState, isOnline: boolean, lost: Lost, isDelayed: boolean): Shown {
	if (!isOnline) return "offline";
	return lost.length > 0 || (live === "open" && isDelayed) ? "delayed" : live;
}

/* Home of a logged-in user: the instrument, the list of results and the plot. */
export default function Dashboard({ session }: { session: Session }) {
	const [announcement, setAnnouncement] = useState("");
	const [areKeysShown, setKeysShown] = useState(false);
	const showKeys = useCallback(() => setKeysShown(true), []);
	const onArrived = useCallback((value: LiveValue) => {
		setAnnouncement(`${KINDS[value.kind].name} ${value.index} is calculated: ${formatDigits(value.digits)}.`);
	}, []);
	const { live, lost } = useLive(session, onArrived);
	const listing = useInfiniteQuery(valuesQuery(session.userId, live === "open" && lost.length === 0));
	const [filter] = useFilter();
	const query = queryOf(filter);
	const filtered = useInfiniteQuery({
		...valuesQuery(session.userId, live === "open" && lost.length === 0, query),
		placeholderData: keepPreviousData,
		enabled: query !== null, // without a filter it would be the same list, fetched twice as often
	});
	const values = useMemo(() => valuesOf(listing.data), [listing.data]);
	const found = useMemo(() => valuesOf(filtered.data), [filtered.data]);
	const done = useMemo(() => values.filter((value) => value.state === "done"), [values]);
	const wait = useWait(values, lost);
	const isOnline = useSyncExternalStore(
		(listener) => onlineManager.subscribe(listener),
		() => onlineManager.isOnline(),
	);
	const shown = shownOf(live, isOnline, lost, wait?.isDelayed ?? false);
	const [loss] = shown === "delayed" ? lost.slice(-1) : [];

	return (
		<Page title="Abacus" heading="Your values">
			<div className="home">
				<div className="home-submit sheet">
					<SubmitForm values={values} wait={wait} />
				</div>
				<section className="home-values sheet" aria-labelledby="values-title">
					<div className="sheet-head">
						<h2 id="values-title">Results</h2>
						<p className="live" data-live={shown}>
							<span className="live-dot" aria-hidden="true" />
							{loss ? LOST_TEXTS[loss] : LIVE_TEXTS[shown]}
						</p>
					</div>
					<p className="is-sr-only" role="status">
						{announcement}
					</p>
					{(values.length > 0 || query) && <HistoryTools onKeys={showKeys} />}
					<ValueList
						values={query ? found : values}
						listing={query ? filtered : listing}
						wait={wait}
						isFiltered={query !== null}
						onKeys={showKeys}
					/>
					{areKeysShown && <KeysDialog onClose={() => setKeysShown(false)} />}
				</section>
				<section className="home-plot sheet" aria-labelledby="plot-title">
					<div className="sheet-head">
						<h2 id="plot-title">Digits and calculation time</h2>
					</div>
					<div className="plot">
						{done.length > 0 ? (
							<Suspense fallback={<p className="soft plot-empty">Drawing…</p>}>
								<Plot values={done} />
							</Suspense>
						) : listing.isPending ? null : (
							<p className="soft plot-empty">Each result becomes a point here: its number of digits and its calculation time.</p>
						)}
					</div>
				</section>
			</div>
		</Page>
	);
}
