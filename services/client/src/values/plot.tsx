import { useState } from "react";
import type { Value } from "../api/generated";
import { formatCount, formatDigits, formatDuration } from "./format";
import { KIND_NAMES, KINDS } from "./kinds";
import { PlotCanvas } from "./plot-canvas";

function describe(value: Value): string {
	return `${KINDS[value.kind].name} ${formatCount(value.index)}: ${formatDigits(value.digits ?? 0)} in ${formatDuration(value.duration_us ?? 0)}`;
}

/* Each calculation is one point, even if it was submitted several times. */
export default function Plot({ values }: { values: Value[] }) {
	const [pointed, setPointed] = useState<Value | null>(null);
	const points = [...new Map(values.map((value) => [`${value.kind} ${value.index}`, value])).values()];
	const slowest = points.reduce((most, value) => ((value.duration_us ?? 0) > (most.duration_us ?? 0) ? value : most));

	return (
		<figure>
			<PlotCanvas values={points} label={`${points.length} calculations. The slowest is ${describe(slowest)}.`} onPoint={setPointed} />
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
			</figcaption>
		</figure>
	);
}
