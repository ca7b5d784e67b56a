// The last minutes of each instance, as SVG paths. A graph is divided into bins of a few seconds; a bin keeps its worst figures.

import { bytes, isKnown, milliseconds, percent } from "./words.js";

export const MINUTES = 15;
const BIN_S = 10;
const BINS = (MINUTES * 60) / BIN_S;

export const figures = {
	response_ms: { name: "Response time", format: milliseconds, leastScale: 2 },
	cpu_percent: { name: "CPU", format: percent, leastScale: 5 },
	memory_bytes: { name: "Memory", format: bytes, leastScale: 1 << 20 },
};

const history = new Map(); // instance -> its bins by number
let bridgedBins = 1; // a line continues across this many bins without a point

// When there are many instances, the points of their history are further apart than the bins.
export function expectPointsEvery(intervalS) {
	bridgedBins = Math.max(bridgedBins, Math.ceil(intervalS / BIN_S));
}

const keyOf = ({ name, instance }) => `${name}/${instance ?? ""}`;
const binOf = (unixMs) => Math.floor(unixMs / 1000 / BIN_S);
const binsOf = (instance) => history.get(keyOf(instance)) ?? new Map();

export const hasPoints = (instance) => binsOf(instance).size > 0;

// Adds what an instance reported at point.at.
export function addPoint(instance, point) {
	const bins = binsOf(instance);
	const number = binOf(Date.parse(point.at));
	const bin = bins.get(number) ?? { isDown: false };
	for (const name of Object.keys(figures)) if (isKnown(point[name])) bin[name] = Math.max(bin[name] ?? 0, point[name]);
	bin.isDown ||= point.status === "down";
	bins.set(number, bin);
	for (const old of bins.keys()) if (old < number - BINS) bins.delete(old);
	history.set(keyOf(instance), bins);
}

// The graphs of all instances of a service, in order. They share a scale so that they can be compared at a glance.
export function graphsOf(instances, figure, nowMs) {
	const all = instances.map(binsOf);
	const last = binOf(nowMs);
	let most = 0;
	for (const bins of all)
		for (const [number, bin] of bins) if (!bin.isDown && number > last - BINS) most = Math.max(most, bin[figure] ?? 0);
	const scale = Math.max(figures[figure].leastScale, most * 1.1);
	return all.map((bins) => draw(bins, figure, last, scale));
}

// Paths in a box of 300 by 44. The line has a gap where nothing is known; a block shows where the instance was down.
function draw(bins, figure, last, scale) {
	const width = 300 / BINS;
	const xOf = (i) => ((i + 0.5) * width).toFixed(1);
	const drawn = { line: "", area: "", outages: "", highest: null, outageS: 0 };
	let latest = null; // the last bin on the current line
	const endLine = () => {
		if (latest !== null) drawn.area += `L${xOf(latest)} 44z`;
		latest = null;
	};
	for (let i = 0; i < BINS; i++) {
		const bin = bins.get(last - BINS + 1 + i);
		const value = bin?.[figure];
		if (bin?.isDown) {
			drawn.outages += `M${(i * width).toFixed(1)} 0h${width.toFixed(1)}v44h-${width.toFixed(1)}z`;
			drawn.outageS += BIN_S;
			endLine();
		} else if (isKnown(value)) {
			drawn.highest = Math.max(drawn.highest ?? 0, value);
			// The current bin is incomplete, so its figure may still rise; drawing it would make the line drop at its end.
			if (i === BINS - 1 && latest !== null) break;
			const point = `${xOf(i)} ${(43 - (value / scale) * 40).toFixed(1)}`;
			if (latest === null || i - latest > bridgedBins) {
				endLine();
				drawn.area += `M${xOf(i)} 44`;
				drawn.line += `M${point}h.1`;
			}
			drawn.area += `L${point}`;
			drawn.line += `L${point}`;
			latest = i;
		}
	}
	endLine();
	return drawn;
}
