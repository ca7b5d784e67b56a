import { type CSSProperties, useMemo } from "react";
import type { Kind } from "../api/generated";
import { shownOf, statisticsOf } from "./digits";
import { formatCount, formatShort } from "./format";
import { KINDS } from "./kinds";
import { Groups } from "./number";

const MOST_SHOWN = 60;

function Histogram({ counts, length }: { counts: number[]; length: number }) {
	const most = Math.max(...counts);

	return (
		<table className="histogram">
			<caption className="is-sr-only">How often each digit occurs</caption>
			<thead className="is-sr-only">
				<tr>
					<th scope="col">Digit</th>
					<th scope="col">Share</th>
					<th scope="col">Times</th>
				</tr>
			</thead>
			<tbody>
				{counts.map((count, digit) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: it is the digit
					<tr key={digit}>
						<th scope="row">{digit}</th>
						<td className="histogram-cell">
							<span className="histogram-bar" style={{ "--part": most > 0 ? count / most : 0 } as CSSProperties} aria-hidden="true" />
							<span className="histogram-share">{((100 * count) / length).toFixed(1)} %</span>
						</td>
						<td className="histogram-count">{formatCount(count)}</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

function Facts({ digits, statistics }: { digits: string; statistics: ReturnType<typeof statisticsOf> }) {
	const { sum, trailingZeros, longestRun } = statistics;
	const { first, last } = shownOf(digits, MOST_SHOWN);

	return (
		<dl className="result-facts">
			<dt>Sum of the digits</dt>
			<dd>{formatCount(sum)}</dd>
			<dt>Zeros at the end</dt>
			<dd>{trailingZeros === 0 ? "none" : formatCount(trailingZeros)}</dd>
			{longestRun.length > 1 && (
				<>
					<dt>Longest run of one digit</dt>
					<dd>
						<span className="number">{`${longestRun.digit}`.repeat(Math.min(longestRun.length, 12))}</span>
						{longestRun.length > 12 && "…"} {formatCount(longestRun.length)} long, from digit {formatCount(longestRun.start + 1)}
					</dd>
				</>
			)}
			{last !== "" && (
				<>
					<dt>First digits</dt>
					<dd className="number">
						<Groups digits={first} />
					</dd>
					<dt>Last digits</dt>
					<dd className="number">
						<Groups digits={last} />
					</dd>
				</>
			)}
		</dl>
	);
}

const STEPS = 80;

/* The number of digits that each index of the kind gives, and where this one is. */
function Growth({ kind, index, length }: { kind: Kind; index: number; length: number }) {
	const last = Math.max(index, KINDS[kind].examples.at(-1) ?? index, 1);
	const highest = Math.max(length, KINDS[kind].digits(last));
	const points = Array.from({ length: STEPS + 1 }, (_, i) => {
		const digits = KINDS[kind].digits((last * i) / STEPS);
		return `${((100 * i) / STEPS).toFixed(2)} ${(100 - (100 * Math.max(0, digits)) / highest).toFixed(2)}`;
	});

	return (
		<figure className="growth" data-kind={kind}>
			<p className="growth-top">{formatShort(Math.round(highest))} digits</p>
			<div className="growth-plot">
				<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" focusable="false">
					<path d={`M${points.join("L")}`} className="growth-curve" />
				</svg>
				<span
					className="growth-point"
					style={{ "--x": index / last, "--y": length / highest } as CSSProperties}
					role="img"
					aria-label={`Index ${formatCount(index)} of ${formatCount(last)}: ${formatCount(length)} of ${formatCount(Math.floor(highest))} digits`}
				/>
			</div>
			<figcaption className="ticks">
				<span>0</span>
				<span>index</span>
				<span>{formatShort(last)}</span>
			</figcaption>
		</figure>
	);
}

export function Statistics({ kind, index, digits }: { kind: Kind; index: number; digits: string }) {
	const statistics = useMemo(() => statisticsOf(digits), [digits]);

	return (
		<div className="statistics">
			<section className="sheet" aria-labelledby="digits-title">
				<h2 id="digits-title" className="sheet-title">
					Its digits
				</h2>
				<Histogram counts={statistics.counts} length={digits.length} />
			</section>
			<section className="sheet" aria-labelledby="facts-title">
				<h2 id="facts-title" className="sheet-title">
					In figures
				</h2>
				<Facts digits={digits} statistics={statistics} />
			</section>
			<section className="sheet" aria-labelledby="growth-title">
				<h2 id="growth-title" className="sheet-title">
					How {KINDS[kind].name} grows
				</h2>
				<Growth kind={kind} index={index} length={digits.length} />
			</section>
		</div>
	);
}
