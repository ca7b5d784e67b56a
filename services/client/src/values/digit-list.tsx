import { type CSSProperties, memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { copyWithoutSpaces } from "./copy";
import { marksIn, piecesOf, type Range, rowsOf } from "./digits";
import { formatCount } from "./format";

/* What was found, and where each match begins. */
export interface Found {
	positions: readonly number[];
	length: number; // of each match
}

interface Grid {
	groups: number; // in a row
	rowPx: number;
	heightPx: number; // that is seen
	stretchPx: number; // what the space between groups is widened by, so that rows fill the width
}

const UNMEASURED: Grid = { groups: 10, rowPx: 28, heightPx: 480, stretchPx: 0 };
const BLOCK = 8; // rows are rendered by so many at a time, so that scrolling renders seldom
const ROUND = 5; // a long row has a multiple of so many groups
const LONG = 15;

function measured(list: HTMLElement): Grid | null {
	const [first, second] = list.querySelectorAll<HTMLElement>(".digits-sample .group");
	const sample = list.querySelector(".digits-sample");
	if (!first || !second || !sample) return null;
	const advance = second.getBoundingClientRect().left - first.getBoundingClientRect().left;
	const style = getComputedStyle(sample);
	const room = sample.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
	const gap = advance - first.getBoundingClientRect().width;
	const most = Math.floor((room + gap) / advance);
	if (!(advance > 0) || most < 1) return null;

	const groups = most >= LONG ? most - (most % ROUND) : most;
	return {
		groups,
		stretchPx: groups > 1 ? Math.floor((100 * (room - groups * advance + gap)) / (groups - 1)) / 100 : 0,
		rowPx: sample.getBoundingClientRect().height,
		heightPx: list.clientHeight,
	};
}

interface RowProps {
	digits: string;
	start: number;
	end: number;
	topPx: number;
	found: Found;
	current: Range | null; // that reaches into this row
}

const Row = memo(function Row({ digits, start, end, topPx, found, current }: RowProps) {
	const groups = piecesOf(digits, start, end, marksIn(found.positions, found.length, start, end), current);

	return (
		<div className="digits-row" style={{ transform: `translateY(${topPx}px)` }} data-at={formatCount(start + 1)}>
			{groups.map((pieces, group) => (
				// biome-ignore lint/suspicious/noArrayIndexKey: a group is its place
				<span key={group} className="group">
					{pieces.map(({ text, isMarked, isCurrent }, piece) =>
						isMarked || isCurrent ? (
							// biome-ignore lint/suspicious/noArrayIndexKey: so is a piece
							<mark key={piece} className={isCurrent ? "is-current" : undefined}>
								{text}
							</mark>
						) : (
							text
						),
					)}
				</span>
			))}
		</div>
	);
});

/* All digits in rows, of which only those near what is seen are in the document. CURRENT is scrolled to whenever it changes. */
export function DigitList({ digits, found, current }: { digits: string; found: Found; current: Range | null }) {
	const ref = useRef<HTMLElement>(null);
	const [grid, setGrid] = useState(UNMEASURED);
	const [block, setBlock] = useState(0);
	const rows = useMemo(() => rowsOf(digits.length, grid.groups), [digits.length, grid.groups]);
	const seen = Math.ceil(grid.heightPx / grid.rowPx);
	const first = Math.max(0, (block - 1) * BLOCK);
	const last = Math.min(rows.count, (block + 2) * BLOCK + seen);

	const look = useCallback(() => {
		if (ref.current) setBlock(Math.floor(ref.current.scrollTop / grid.rowPx / BLOCK));
	}, [grid.rowPx]);

	/* The width, or the size of the text, has changed: what was at the top stays there. */
	useLayoutEffect(() => {
		const list = ref.current;
		if (!list) return;
		const measure = () => {
			const next = measured(list);
			if (next)
				setGrid((before) => (Object.keys(next).every((key) => next[key as keyof Grid] === before[key as keyof Grid]) ? before : next));
		};
		const resizing = new ResizeObserver(measure);
		measure();
		resizing.observe(list);
		document.fonts?.ready.then(measure);
		return () => resizing.disconnect();
	}, []);

	const topRef = useRef(0);
	// biome-ignore lint/correctness/useExhaustiveDependencies: only a new grid moves what is at the top
	useLayoutEffect(() => {
		const list = ref.current;
		if (list && topRef.current > 0) list.scrollTop = rows.rowOf(topRef.current) * grid.rowPx;
		look();
	}, [grid]);

	// biome-ignore lint/correctness/useExhaustiveDependencies: only when it changes, so that a new width scrolls nowhere
	useEffect(() => {
		const list = ref.current;
		if (!list || !current) return;
		const top = rows.rowOf(current[0]) * grid.rowPx;
		if (top < list.scrollTop || top + grid.rowPx > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
		look();
	}, [current]);

	function onScroll() {
		look();
		if (ref.current) topRef.current = rows.start(Math.round(ref.current.scrollTop / grid.rowPx));
	}

	const shown = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
	return (
		<section
			ref={ref}
			className="digits"
			// biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls
			tabIndex={0}
			aria-label="The whole result"
			onScroll={onScroll}
			onCopy={copyWithoutSpaces}
		>
			<div className="digits-row digits-sample" aria-hidden="true">
				<span className="group">000</span>
				<span className="group">000</span>
			</div>
			<div className="digits-all" style={{ height: `${rows.count * grid.rowPx}px`, "--stretch": `${grid.stretchPx}px` } as CSSProperties}>
				{shown.map((row) => {
					const [start, end] = [rows.start(row), rows.end(row)];
					const isHere = current !== null && current[0] < end && current[1] > start;
					return (
						<Row
							key={row}
							digits={digits}
							start={start}
							end={end}
							topPx={row * grid.rowPx}
							found={found}
							current={isHere ? current : null}
						/>
					);
				})}
			</div>
		</section>
	);
}
