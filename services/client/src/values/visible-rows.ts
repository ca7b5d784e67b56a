/* Which rows of a long list are in the document: those near what is seen of it. The page scrolls, not the list, so that the rows stay in the flow: the
 * margin of a row is as high as the rows before it that are left out. Heights are measured, because text wraps; a row that was never in the document
 * counts as high as the average of those that first were. */
import { type RefObject, useEffect, useLayoutEffect, useReducer, useRef, useState } from "react";
import { flushSync } from "react-dom";

const BLOCK = 8; // the first and the last row are multiples of it, so that scrolling renders seldom
const UNMEASURED_PX = 74;
const SAME_PX = 0.5;

export type Range = readonly [first: number, end: number];

const START: Range = [0, 3 * BLOCK];

/* The heights of rows, by their keys. */
export class RowHeights {
	averagePx = UNMEASURED_PX;
	private readonly known = new Map<string, number>();

	/* How far below the start of the list each row begins, and at last where the list ends. */
	offsetsOf(keys: readonly string[]): number[] {
		const offsets = [0];
		let px = 0;

		for (const key of keys) {
			px += this.known.get(key) ?? this.averagePx;
			offsets.push(px);
		}
		return offsets;
	}

	/* Returns whether the average has changed. A row that has another height than before, as with another width or size of the text, makes all that is
	 * known outdated. What has no height is in no layout, and is left out. */
	learn(measured: readonly (readonly [key: string, px: number])[]): boolean {
		const laidOut = measured.filter(([, px]) => px > 0);
		const isOther = laidOut.some(([key, px]) => Math.abs((this.known.get(key) ?? px) - px) > SAME_PX);
		const isFirst = this.known.size === 0 && laidOut.length > 0;
		const before = this.averagePx;

		if (isOther) this.known.clear();
		if (isOther || isFirst) this.averagePx = laidOut.reduce((sum, [, px]) => sum + px, 0) / laidOut.length;
		for (const [key, px] of laidOut) this.known.set(key, px);
		return Math.abs(before - this.averagePx) > SAME_PX;
	}
}

/* The first row that ends below PX. */
function rowAt(offsets: readonly number[], px: number): number {
	let [low, high] = [0, offsets.length - 1];

	while (low < high) {
		const middle = (low + high) >> 1;
		if ((offsets[middle + 1] ?? Number.POSITIVE_INFINITY) > px) high = middle;
		else low = middle + 1;
	}
	return low;
}

/* The rows between TOP and BOTTOM, and at least BLOCK more on each side. */
export function rangeNear(offsets: readonly number[], top: number, bottom: number): Range {
	const first = Math.floor(rowAt(offsets, top) / BLOCK) - 1;
	const last = Math.floor(rowAt(offsets, bottom) / BLOCK) + 2;

	return [Math.max(0, first * BLOCK), Math.min(offsets.length - 1, last * BLOCK)];
}

/* The rows of RANGE and those around KEPT, in order. */
export function rowsIn([first, end]: Range, kept: number, count: number): number[] {
	const rows = new Set<number>();

	for (let row = first; row < Math.min(end, count); row++) rows.add(row);
	if (kept >= 0) for (let row = Math.max(0, kept - 1); row < Math.min(kept + 2, count); row++) rows.add(row);
	return [...rows].sort((a, b) => a - b);
}

/* True while the page is printed, with all of its rows. */
function usePrinting(): boolean {
	const [isPrinting, setPrinting] = useState(false);

	useEffect(() => {
		const begin = () => flushSync(() => setPrinting(true));
		const end = () => setPrinting(false);
		window.addEventListener("beforeprint", begin);
		window.addEventListener("afterprint", end);
		return () => {
			window.removeEventListener("beforeprint", begin);
			window.removeEventListener("afterprint", end);
		};
	}, []);
	return isPrinting;
}

export interface VisibleRows {
	rows: { row: number; gapPx: number }[]; // gapPx: the height of the rows before it that are left out
	endPx: number; // of those behind the last one
}

/* KEYS: of all rows. KEPT: of the one that stays, with its neighbours, wherever the page is scrolled to, because it has the focus. LIST has an element
 * for each of the rows that are returned, and nothing else. */
export function useVisibleRows(list: RefObject<HTMLElement | null>, keys: readonly string[], kept: string | null): VisibleRows {
	const [heights] = useState(() => new RowHeights());
	const [range, setRange] = useState(START);
	const [, render] = useReducer((count: number) => count + 1, 0);
	const isPrinting = usePrinting();
	const shown = rowsIn(isPrinting ? [0, keys.length] : range, kept === null ? -1 : keys.indexOf(kept), keys.length);
	const offsets = heights.offsetsOf(keys);
	const gapPx = (from: number, to: number) => (offsets[to] ?? 0) - (offsets[from] ?? 0);
	const lookRef = useRef(() => {});

	/* After each render, because what is above the list may have moved it. */
	useLayoutEffect(() => {
		lookRef.current = () => {
			if (!list.current) return;
			const children = [...list.current.children];
			if (heights.learn(children.map((row, i) => [keys[shown[i] ?? 0] ?? "", row.getBoundingClientRect().height]))) render();
			const top = -list.current.getBoundingClientRect().top;
			const [first, end] = rangeNear(heights.offsetsOf(keys), top, top + window.innerHeight);
			setRange((before) => (before[0] === first && before[1] === end ? before : [first, end]));
		};
		lookRef.current();
	});

	useEffect(() => {
		const again = () => lookRef.current();
		const resizing = new ResizeObserver(again);
		if (list.current) resizing.observe(list.current);
		window.addEventListener("scroll", again, { passive: true });
		window.addEventListener("resize", again);
		return () => {
			resizing.disconnect();
			window.removeEventListener("scroll", again);
			window.removeEventListener("resize", again);
		};
	}, [list]);

	return {
		rows: shown.map((row, i) => ({ row, gapPx: gapPx(i === 0 ? 0 : (shown[i - 1] ?? 0) + 1, row) })),
		endPx: gapPx((shown.at(-1) ?? -1) + 1, keys.length),
	};
}
