import "uplot/dist/uPlot.min.css";
import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import type { Kind, Value } from "../api/generated";
import { formatDuration, formatShort } from "./format";
import { KIND_NAMES, KINDS } from "./kinds";
import { timeOf, trendOf } from "./trend";

const HEIGHT_PX = 280;
const NEAR_PX = 24; // the mouse names the nearest point, if it is as near as this

/* The token as it is now: a canvas takes no var() and no light-dark(). */
function colour(element: HTMLElement, name: string): string {
	element.style.color = `var(${name})`;
	const now = getComputedStyle(element).color;
	element.style.color = "";
	return now;
}

const timeShown = (value: Value) => Math.max(1, value.duration_us ?? 0); // the scale is logarithmic

/* uPlot needs columns over one ascending x, which is the digits; then one column of times for each kind, with gaps. */
function columnsOf(values: Value[]): uPlot.AlignedData {
	const column = (kind: Kind) => values.map((value) => (value.kind === kind ? timeShown(value) : null));

	return [values.map((value) => value.digits ?? 1), ...KIND_NAMES.map(column)];
}

/* Only powers of ten: the other lines of a logarithmic scale would be too dense here. */
function powersOnly(_plot: uPlot, splits: number[]): (number | null)[] {
	return splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));
}

function rangeOf(_plot: uPlot, min: number, max: number): [number, number] {
	return [10 ** Math.max(0, Math.floor(Math.log10(min || 1))), 10 ** Math.max(1, Math.ceil(Math.log10(max || 1) + 0.01))];
}

/* Behind the points of each kind, the curve that they follow. */
function drawTrends(plot: uPlot, values: Value[], colours: Record<string, string>) {
	const { ctx, bbox } = plot;

	ctx.save();
	ctx.beginPath();
	ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
	ctx.clip();
	for (const kind of KIND_NAMES) {
		const points = values.filter((value) => value.kind === kind).map((value) => ({ digits: value.digits ?? 1, us: timeShown(value) }));
		const trend = trendOf(points);
		if (!trend) continue;
		const ends = [plot.scales.x?.min ?? 1, plot.scales.x?.max ?? 10];
		ctx.beginPath();
		for (const digits of ends) ctx.lineTo(plot.valToPos(digits, "x", true), plot.valToPos(timeOf(trend, digits), "y", true));
		ctx.strokeStyle = colours[kind] ?? "";
		ctx.globalAlpha = 0.45;
		ctx.lineWidth = 1.5 * devicePixelRatio;
		ctx.stroke();
	}
	ctx.restore();
}

/* The value whose point is nearest to the mouse. */
function nearestOf(plot: uPlot, values: Value[]): Value | null {
	const { left = -1, top = -1 } = plot.cursor;
	let nearest: Value | null = null;
	let least = NEAR_PX ** 2;

	if (left < 0) return null;
	for (const value of values) {
		const distance = (plot.valToPos(value.digits ?? 1, "x") - left) ** 2 + (plot.valToPos(timeShown(value), "y") - top) ** 2;
		if (distance < least) [nearest, least] = [value, distance];
	}
	return nearest;
}

function showRing(plot: uPlot, ring: HTMLElement, value: Value | null) {
	ring.hidden = value === null;
	plot.over.style.cursor = value ? "pointer" : "";
	if (!value) return;
	ring.style.left = `${plot.valToPos(value.digits ?? 1, "x")}px`;
	ring.style.top = `${plot.valToPos(timeShown(value), "y")}px`;
}

interface Events {
	values: () => Value[];
	onPoint: (value: Value | null) => void;
	onOpen: (value: Value) => void;
}

function optionsOf(element: HTMLElement, width: number, { values, onPoint, onOpen }: Events): uPlot.Options {
	const text = colour(element, "--soft");
	const grid = { stroke: colour(element, "--line"), width: 1, filter: powersOnly };
	const font = `12px ${getComputedStyle(element).fontFamily}`;
	const axis = { stroke: text, grid, ticks: { show: false }, font, labelFont: font, labelSize: 20, filter: powersOnly };
	const colours = Object.fromEntries(KIND_NAMES.map((kind) => [kind, colour(element, `--kind-${kind}`)]));
	const ring = document.createElement("div");
	ring.className = "plot-ring";
	ring.hidden = true;

	return {
		width,
		height: HEIGHT_PX,
		legend: { show: false },
		cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
		scales: { x: { time: false, distr: 3, log: 10, range: rangeOf }, y: { distr: 3, log: 10, range: rangeOf } },
		axes: [
			{ ...axis, label: "Digits", size: 28, values: (_, splits) => splits.map((split) => (split === null ? "" : formatShort(split))) },
			{
				...axis,
				label: "Calculation time",
				size: 58,
				values: (_, splits) => splits.map((split) => (split === null ? "" : formatDuration(split))),
			},
		],
		series: [
			{ label: "Digits" },
			...KIND_NAMES.map((kind) => ({
				label: KINDS[kind].name,
				stroke: colours[kind],
				paths: () => null,
				points: { show: true, size: 8, fill: colours[kind], width: 0 },
			})),
		],
		hooks: {
			init: [
				(plot) => {
					plot.over.append(ring);
					plot.over.addEventListener("click", () => {
						const value = nearestOf(plot, values());
						if (value) onOpen(value);
					});
				},
			],
			drawClear: [(plot) => drawTrends(plot, values(), colours)],
			setCursor: [
				(plot) => {
					const value = nearestOf(plot, values());
					showRing(plot, ring, value);
					onPoint(value);
				},
			],
		},
	};
}

/* The plot itself, in a chunk of its own with its library. It is redrawn when the values, the width or the theme change. */
export function PlotCanvas({ values, label, onPoint, onOpen }: { values: Value[]; label: string } & Pick<Events, "onPoint" | "onOpen">) {
	const ref = useRef<HTMLDivElement>(null);
	const plotRef = useRef<uPlot | null>(null);
	const sorted = useMemo(() => [...values].sort((a, b) => (a.digits ?? 0) - (b.digits ?? 0)), [values]);
	const sortedRef = useRef(sorted);
	const openRef = useRef(onOpen);

	sortedRef.current = sorted;
	openRef.current = onOpen;

	useEffect(() => {
		const element = ref.current;
		if (!element) return;
		const draw = () => {
			plotRef.current?.destroy();
			const events = { values: () => sortedRef.current, onPoint, onOpen: (value: Value) => openRef.current(value) };
			plotRef.current = new uPlot(optionsOf(element, element.clientWidth, events), columnsOf(sortedRef.current), element);
		};
		const resizing = new ResizeObserver(() => plotRef.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
		draw();
		resizing.observe(element);
		document.addEventListener("theme", draw);
		return () => {
			resizing.disconnect();
			document.removeEventListener("theme", draw);
			plotRef.current?.destroy();
			plotRef.current = null;
		};
	}, [onPoint]);

	useEffect(() => {
		plotRef.current?.setData(columnsOf(sorted));
	}, [sorted]);

	return <div ref={ref} className="plot-canvas" role="img" aria-label={label} />;
}
