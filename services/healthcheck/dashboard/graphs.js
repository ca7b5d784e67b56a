// The last minutes of each instance, of the queue and of a route, as SVG paths. A graph is divided into bins; a bin keeps its worst figures.

import { bytes, isKnown, milliseconds, number, percent, rate } from "./words.js";

// What the graphs can show, by minutes; a day comes in points of four minutes.
const RANGES = {
	15: { words: "15 minutes", binS: 10 },
	60: { words: "hour", binS: 30 },
	1440: { words: "24 hours", binS: 240 },
};

let minutes = 15;
let binS = RANGES[15].binS;
let binsCount = (15 * 60) / binS;
export const range = () => ({ minutes, words: RANGES[minutes].words });

// Forgets all points: those of another range are asked for.
export function setRange(chosen) {
	minutes = chosen;
	binS = RANGES[chosen].binS;
	binsCount = (chosen * 60) / binS;
	bridgedBins = 1;
	history.clear();
}

export const figures = {
	response_ms: { name: "Response time", format: milliseconds, leastScale: 2 },
	cpu_percent: { name: "CPU", format: percent, leastScale: 5 },
	memory_bytes: { name: "Memory", format: bytes, leastScale: 1 << 20 },
	depth: { name: "Jobs in the queue", format: number, leastScale: 10 },
	backlog: { name: "Calculations waiting in Postgres", format: number, leastScale: 10 },
	per_s: { name: "Rate", format: rate, leastScale: 1 },
	errors_per_s: { name: "Errors", format: rate, leastScale: 1 },
	p50_ms: { name: "Median", format: milliseconds, leastScale: 2 },
	p99_ms: { name: "99 % within", format: milliseconds, leastScale: 2 },
};

const history = new Map(); // instance -> its bins by number
let bridgedBins = 1; // a line continues across this many bins without a point

// When there are many instances, the points of their history are further apart than the bins.
export function expectPointsEvery(intervalS) {
	bridgedBins = Math.max(bridgedBins, Math.ceil(intervalS / binS));
}

const keyOf = ({ name, instance }) => `${name}/${instance ?? ""}`;
const binOf = (unixMs) => Math.floor(unixMs / 1000 / binS);
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
	for (const old of bins.keys()) if (old < number - binsCount) bins.delete(old);
	history.set(keyOf(instance), bins);
}

// The graphs of all instances of a service, in order. They share a scale so that they can be compared at a glance.
export function graphsOf(instances, figure, nowMs) {
	const all = instances.map(binsOf);
	const last = binOf(nowMs);
	let most = 0;
	for (const bins of all)
		for (const [number, bin] of bins) if (!bin.isDown && number > last - binsCount) most = Math.max(most, bin[figure] ?? 0);
	const scale = Math.max(figures[figure].leastScale, most * 1.1);
	return all.map((bins) => draw(bins, figure, last, scale));
}

// What an instance's bin shows at a place of its graph, from 0 (left) to 1: {at (Unix ms), value, isDown}. null: nothing is known there.
export function pointAt(instance, figure, nowMs, place) {
	const number = binOf(nowMs) - binsCount + 1 + Math.min(binsCount - 1, Math.max(0, Math.floor(place * binsCount)));
	const bin = binsOf(instance).get(number);
	if (!bin || !(bin.isDown || isKnown(bin[figure]))) return null;
	return { at: number * binS * 1000, value: bin[figure], isDown: bin.isDown };
}

// Where the next bin is, for the keyboard.
export const stepOf = () => 1 / binsCount;

// Paths in a box of 300 by 44. The line has a gap where nothing is known; a block shows where the instance was down.
function draw(bins, figure, last, scale) {
	const width = 300 / binsCount;
	const xOf = (i) => ((i + 0.5) * width).toFixed(1);
	const drawn = { line: "", area: "", outages: "", highest: null, outageS: 0 };
	let latest = null; // the last bin on the current line
	const endLine = () => {
		if (latest !== null) drawn.area += `L${xOf(latest)} 44z`;
		latest = null;
	};
	for (let i = 0; i < binsCount; i++) {
		const bin = bins.get(last - binsCount + 1 + i);
		const value = bin?.[figure];
		if (bin?.isDown) {
			drawn.outages += `M${(i * width).toFixed(1)} 0h${width.toFixed(1)}v44h-${width.toFixed(1)}z`;
			drawn.outageS += binS;
			endLine();
		} else if (isKnown(value)) {
			drawn.highest = Math.max(drawn.highest ?? 0, value);
			// The current bin is incomplete, so its figure may still rise; drawing it would make the line drop at its end.
			if (i === binsCount - 1 && latest !== null) break;
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
