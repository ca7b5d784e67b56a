// The last minutes of each instance, as paths. A graph has a bin for each few seconds, and a bin keeps the worst that fell into it.

import { bytes, is_known, milliseconds, percent } from "./words.js";

export const MINUTES = 15;
const BIN_S = 10;
const BINS = (MINUTES * 60) / BIN_S;

export const figures = {
	response_ms: { name: "Response time", say: milliseconds, least_scale: 2 },
	cpu_percent: { name: "CPU", say: percent, least_scale: 5 },
	memory_bytes: { name: "Memory", say: bytes, least_scale: 1 << 20 },
};

const history = new Map(); // of an instance: bins by number
let bridged_bins = 1; // a line goes on over so many bins without a point

// The history of many instances is told in points that are further apart than the bins.
export function expect_points_every(interval_s) {
	bridged_bins = Math.max(bridged_bins, Math.ceil(interval_s / BIN_S));
}

const key_of = ({ name, instance }) => `${name}/${instance ?? ""}`;
const bin_of = (unix_ms) => Math.floor(unix_ms / 1000 / BIN_S);
const bins_of = (instance) => history.get(key_of(instance)) ?? new Map();

export const has_points = (instance) => bins_of(instance).size > 0;

// What an instance was at point.at.
export function add_point(instance, point) {
	const bins = bins_of(instance);
	const number = bin_of(Date.parse(point.at));
	const bin = bins.get(number) ?? { is_down: false };
	for (const name of Object.keys(figures)) if (is_known(point[name])) bin[name] = Math.max(bin[name] ?? 0, point[name]);
	bin.is_down ||= point.status === "down";
	bins.set(number, bin);
	for (const old of bins.keys()) if (old < number - BINS) bins.delete(old);
	history.set(key_of(instance), bins);
}

// Of all instances of a service, in their order. They share a scale, so that they compare at a glance.
export function graphs_of(instances, figure, now_ms) {
	const all = instances.map(bins_of);
	const last = bin_of(now_ms);
	let most = 0;
	for (const bins of all) for (const [number, bin] of bins) if (!bin.is_down && number > last - BINS) most = Math.max(most, bin[figure] ?? 0);
	const scale = Math.max(figures[figure].least_scale, most * 1.1);
	return all.map((bins) => draw(bins, figure, last, scale));
}

// Paths in a box of 300 by 44. Where nothing is known the line has a gap; where the instance was down a block stands.
function draw(bins, figure, last, scale) {
	const width = 300 / BINS;
	const x_of = (i) => ((i + 0.5) * width).toFixed(1);
	const drawn = { line: "", area: "", gone: "", highest: null, gone_s: 0 };
	let latest = null; // the bin that the line has come to
	const lift = () => {
		if (latest !== null) drawn.area += `L${x_of(latest)} 44z`;
		latest = null;
	};
	for (let i = 0; i < BINS; i++) {
		const bin = bins.get(last - BINS + 1 + i);
		const value = bin?.[figure];
		if (bin?.is_down) {
			drawn.gone += `M${(i * width).toFixed(1)} 0h${width.toFixed(1)}v44h-${width.toFixed(1)}z`;
			drawn.gone_s += BIN_S;
			lift();
		} else if (is_known(value)) {
			drawn.highest = Math.max(drawn.highest ?? 0, value);
			// The bin that is being filled has not seen its worst yet; the line would droop at its end.
			if (i === BINS - 1 && latest !== null) break;
			const point = `${x_of(i)} ${(43 - (value / scale) * 40).toFixed(1)}`;
			if (latest === null || i - latest > bridged_bins) {
				lift();
				drawn.area += `M${x_of(i)} 44`;
				drawn.line += `M${point}h.1`;
			}
			drawn.area += `L${point}`;
			drawn.line += `L${point}`;
			latest = i;
		}
	}
	lift();
	return drawn;
}
