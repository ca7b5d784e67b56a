import { useInfiniteQuery } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useState } from "react";
import { Outlet } from "react-router";
import type { LiveValue } from "../api/generated";
import type { LiveState } from "../live/live";
import { useLive } from "../live/use-live";
import { Page } from "../parts/page";
import type { Session } from "../session/session";
import { formatDigits } from "./format";
import { KINDS } from "./kinds";
import { SubmitForm } from "./submit-form";
import { ValueList } from "./value-list";
import { valuesOf, valuesQuery } from "./values";

const Plot = lazy(() => import("./plot"));

const LIVE_TEXTS: Record<LiveState, string> = { open: "Live", connecting: "Connecting", waiting: "Reconnecting" };

/* Home of a logged-in user: the form, the list of results and the plot. */
export default function Dashboard({ session }: { session: Session }) {
	const [announcement, setAnnouncement] = useState("");
	const onArrived = useCallback((value: LiveValue) => {
		setAnnouncement(`${KINDS[value.kind].name} ${value.index} is calculated: ${formatDigits(value.digits)}.`);
	}, []);
	const live = useLive(session, onArrived);
	const listing = useInfiniteQuery(valuesQuery(session.userId, live === "open"));
	const values = valuesOf(listing.data);
	const done = values.filter((value) => value.state === "done");

	return (
		<Page title="Abacus" heading="Your values">
			<div className="home">
				<div className="home-submit sheet">
					<SubmitForm />
				</div>
				<section className="home-values sheet" aria-labelledby="values-title">
					<div className="sheet-head">
						<h2 id="values-title">Results</h2>
						<p className="live" data-live={live}>
							<span className="live-dot" aria-hidden="true" />
							{LIVE_TEXTS[live]}
						</p>
					</div>
					<p className="is-sr-only" role="status">
						{announcement}
					</p>
					<ValueList values={values} listing={listing} />
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
						) : (
							<p className="soft plot-empty">Each result becomes a point here: its number of digits and its calculation time.</p>
						)}
					</div>
				</section>
			</div>
			<Suspense fallback={null}>
				<Outlet />
			</Suspense>
		</Page>
	);
}
