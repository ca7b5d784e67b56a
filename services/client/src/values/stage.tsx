import type { ReactNode } from "react";
import type { Kind } from "../api/generated";
import { Working } from "../parts/beads";
import { Link } from "../parts/link";
import { Soroban } from "../parts/soroban";
import { type Shown, scientificOf } from "./digits";
import { formatDigits, formatDuration } from "./format";
import { estimate, KINDS } from "./kinds";
import { Approximation, BigNumber } from "./number";

/* How many digits a stage has room for. */
export const MOST_ON_STAGE = 240;

export type StageState =
	| { is: "done"; shown: Shown; durationUs: number; isOld?: boolean } // isOld: of the index before, until the next one is there
	| { is: "pending"; text: string }
	| { is: "unknown" } // it has not been asked for
	| { is: "problem"; text: string };

function Drawn({ kind, index, state }: { kind: Kind; index: number; state: StageState }) {
	if (state.is === "done") return <BigNumber key={state.shown.first} shown={state.shown} />;
	if (state.is === "unknown") return <p className="big-words soft">{estimate(kind, index)}</p>;
	if (state.is === "problem") return <p className="big-words">{state.text}</p>;
	return (
		<p className="big-words soft">
			<Working /> {state.text}
		</p>
	);
}

function Facts({ shown, durationUs, more }: { shown: Shown; durationUs: number; more: ReactNode }) {
	const scientific = scientificOf(shown.first, shown.length);

	return (
		<ul className="stage-facts">
			{scientific && (
				<li>
					<Approximation {...scientific} />
				</li>
			)}
			<li>{formatDigits(shown.length)}</li>
			<li>calculated in {formatDuration(durationUs)}</li>
			{more && <li className="stage-more">{more}</li>}
		</ul>
	);
}

/* One number, drawn large: what it is, its digits, the beads that stand for the first of them, and how large it is. It has the same height for
 * every number, and another number is another element, so that nothing moves when the next one arrives, however late. */
export function Stage({ kind, index, state, linkState }: { kind: Kind; index: number; state: StageState; linkState?: unknown }) {
	const { notation, formula } = KINDS[kind];
	const shown = state.is === "done" ? state.shown : null;
	const isOld = state.is === "done" && state.isOld === true;

	return (
		<div className="stage" data-kind={kind} data-old={isOld ? "" : undefined} aria-busy={isOld || undefined}>
			<p key={notation(index)} className="stage-formula">
				<b>{notation(index)}</b> <span className="soft">= {formula(index)}</span>
			</p>
			<div className="stage-number">
				<Drawn kind={kind} index={index} state={state} />
			</div>
			<Soroban digits={shown?.first ?? ""} length={shown?.length ?? 0} />
			{state.is === "done" ? (
				<Facts
					key={state.shown.first}
					shown={state.shown}
					durationUs={state.durationUs}
					more={
						<Link to={`/values/${kind}/${index}`} state={linkState}>
							Look inside
						</Link>
					}
				/>
			) : (
				<p className="stage-facts" />
			)}
		</div>
	);
}
