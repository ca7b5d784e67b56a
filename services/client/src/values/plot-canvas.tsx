import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import type { Kind, Value } from "../api/generated";
import { formatDuration, formatShort } from "./format";
import { KIND_NAMES, KINDS } from "./kinds";

const HEIGHT_PX = 240;

function colour(element: Element, name: string): string {
	return getComputedStyle(element).getPropertyValue(name).trim();
}

/* uPlot needs columns over one ascending x, which is the digits; then one column of times for each kind, with gaps. */
function columnsOf(values: Value[]): uPlot.AlignedData {
	const column = (kind: Kind) => values.map((value) => (value.kind === kind ? Math.max(1, value.duration_us ?? 0) : null));

	return [values.map((value) => value.digits ?? 1), ...KIND_NAMES.map(column)];
}

/* Only powers of ten: the other lines of a logarithmic scale would be too dense here. */
function powersOnly(_plot: uPlot, splits: number[]): (number | null)[] {
	return splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));
}

function rangeOf(_plot: uPlot, min: number, max: number): [number, number] {
	return [10 ** Math.max(0, Math.floor(Math.log10(min || 1))), 10 ** Math.max(1, Math.ceil(Math.log10(max || 1) + 0.01))];
}

function optionsOf(element: HTMLElement, width: number, onCursor: (at: number | null) => void): uPlot.Options {
	const text = colour(element, "--soft");
	const grid = { stroke: colour(element, "--line"), width: 1, filter: powersOnly };
	const font = `12px ${getComputedStyle(element).fontFamily}`;
	const axis = { stroke: text, grid, ticks: { show: false }, font, labelFont: font, filter: powersOnly };

	return {
		width,
		height: HEIGHT_PX,
		legend: { show: false },
		cursor: { x: false, y: false, drag: { x: false, y: false }, points: { size: 11 } },
		scales: { x: { time: false, distr: 3, log: 10, range: rangeOf }, y: { distr: 3, log: 10, range: rangeOf } },
		axes: [
			{ ...axis, size: 28, values: (_, splits) => splits.map((split) => (split === null ? "" : formatShort(split))) },
			{ ...axis, size: 58, values: (_, splits) => splits.map((split) => (split === null ? "" : formatDuration(split))) },
		],
		series: [
			{ label: "Digits" },
			...KIND_NAMES.map((kind) => ({
				label: KINDS[kind].name,
				stroke: colour(element, `--kind-${kind}`),
				paths: () => null,
				points: { show: true, size: 8, fill: colour(element, `--kind-${kind}`), width: 0 },
			})),
		],
		hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
	};
}

/* The plot itself, in a chunk of its own with its library. It is redrawn when the values, the width or the colour scheme change. */
export function PlotCanvas({ values, label, onPoint }: { values: Value[]; label: string; onPoint: (value: Value | null) => void }) {
	const ref = useRef<HTMLDivElement>(null);
	const plotRef = useRef<uPlot | null>(null);
	const sorted = [...values].sort((a, b) => (a.digits ?? 0) - (b.digits ?? 0));
	const sortedRef = useRef(sorted);
	const key = sorted.map((value) => `${value.kind}${value.index}`).join();

	sortedRef.current = sorted;

	useEffect(() => {
		const element = ref.current;
		if (!element) return;
		const scheme = window.matchMedia("(prefers-color-scheme: dark)");
		const draw = () => {
			plotRef.current?.destroy();
			const onCursor = (at: number | null) => onPoint(at === null ? null : (sortedRef.current[at] ?? null));
			plotRef.current = new uPlot(optionsOf(element, element.clientWidth, onCursor), columnsOf(sortedRef.current), element);
		};
		const resizing = new ResizeObserver(() => plotRef.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
		draw();
		resizing.observe(element);
		scheme.addEventListener("change", draw);
		return () => {
			resizing.disconnect();
			scheme.removeEventListener("change", draw);
			plotRef.current?.destroy();
			plotRef.current = null;
		};
	}, [onPoint]);

	// biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the values
	useEffect(() => {
		plotRef.current?.setData(columnsOf(sortedRef.current));
	}, [key]);

	return <div ref={ref} className="plot-canvas" role="img" aria-label={label} />;
}
