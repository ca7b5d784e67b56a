import { memo, useMemo, useState } from "react";
import { useNavigate } from "react-router";
import type { Value } from "../api/generated";
import { Link } from "../parts/link";
import { formatCount, formatDigits, formatDuration } from "./format";
import { KIND_NAMES, KINDS } from "./kinds";
import { PlotCanvas } from "./plot-canvas";

function describe(value: Value): string {
	return `${KINDS[value.kind].name} ${formatCount(value.index)}: ${formatDigits(value.digits ?? 0)} in ${formatDuration(value.duration_us ?? 0)}`;
}

const ABOVE_LIST = { depth: 1 };

const ROWS = 200; // of the table, and more of them each time that they are asked for: there may be thousands

/* The same for those who cannot see it, or want the figures. */
const PlotTable = memo(function PlotTable({ points }: { points: Value[] }) {
	const [most, setMost] = useState(0);

	return (
		<details className="plot-table" onToggle={() => setMost(most || ROWS)}>
			<summary>As a table</summary>
			<div className="plot-table-box">
				<table className="table is-fullwidth is-narrow">
					<thead>
						<tr>
							<th scope="col">Number</th>
							<th scope="col">Digits</th>
							<th scope="col">Time</th>
						</tr>
					</thead>
					<tbody>
						{points.slice(0, most).map((value) => (
							<tr key={`${value.kind} ${value.index}`}>
								<th scope="row">
									<Link to={`/values/${value.kind}/${value.index}`} state={ABOVE_LIST}>
										{KINDS[value.kind].name} {formatCount(value.index)}
									</Link>
								</th>
								<td>{formatCount(value.digits ?? 0)}</td>
								<td>{formatDuration(value.duration_us ?? 0)}</td>
							</tr>
						))}
					</tbody>
				</table>
				{points.length > most && (
					<button type="button" className="button is-small" onClick={() => setMost(most + ROWS)}>
						More
					</button>
				)}
			</div>
		</details>
	);
});

/* Each calculation is one point, even if it was submitted several times. */
export default memo(function Plot({ values }: { values: Value[] }) {
	const [pointed, setPointed] = useState<Value | null>(null);
	const navigate = useNavigate();
	const points = useMemo(() => [...new Map(values.map((value) => [`${value.kind} ${value.index}`, value])).values()], [values]);
	const slowest = points.reduce((most, value) => ((value.duration_us ?? 0) > (most.duration_us ?? 0) ? value : most));

	return (
		<figure>
			<PlotCanvas
				values={points}
				label={`${points.length} calculations. The slowest is ${describe(slowest)}.`}
				onPoint={setPointed}
				onOpen={({ kind, index }) => navigate(`/values/${kind}/${index}`, { state: ABOVE_LIST })}
			/>
			<figcaption>
				<ul className="legend">
					{KIND_NAMES.map((kind) => (
						<li key={kind} data-kind={kind}>
							<span className="legend-dot" aria-hidden="true" />
							{KINDS[kind].name}
						</li>
					))}
				</ul>
				<p className="soft plot-pointed">{pointed ? describe(pointed) : `Slowest: ${describe(slowest)}`}</p>
				<PlotTable points={points} />
			</figcaption>
		</figure>
	);
});
