import { type KeyboardEvent, type SyntheticEvent, useDeferredValue, useId, useMemo, useState } from "react";
import { DigitList, type Found } from "./digit-list";
import { digitsIn, findAll, type Range } from "./digits";
import { formatCount } from "./format";
import { parseIndex } from "./kinds";

const NOTHING: Found = { positions: [], length: 0 };

/* What the search says: "3 of 12, at digit 1,204". */
function resultOf(needle: string | null, found: Found, at: number): string {
	if (needle === null) return "Only digits can be found.";
	if (needle === "") return "";
	if (found.positions.length === 0) return "Not in this number.";
	return `${formatCount(at + 1)} of ${formatCount(found.positions.length)}, at digit ${formatCount((found.positions[at] ?? 0) + 1)}`;
}

function useFind(digits: string, onFound: (range: Range | null) => void) {
	const [text, setText] = useState("");
	const [at, setAt] = useState(0);
	const needle = digitsIn(useDeferredValue(text));
	const found = useMemo<Found>(() => (needle ? { positions: findAll(digits, needle), length: needle.length } : NOTHING), [digits, needle]);

	function go(to: number, { positions, length } = found) {
		const place = positions.length > 0 ? (to + positions.length) % positions.length : 0;
		const start = positions[place];
		setAt(place);
		onFound(start === undefined ? null : [start, start + length]);
	}

	return {
		text,
		found,
		message: resultOf(needle, found, at),
		step: (by: number) => go(at + by),
		type(next: string) {
			const wanted = digitsIn(next);
			setText(next);
			/* The first match alone is found at once; all of them when the browser has time. */
			const first = wanted ? digits.indexOf(wanted) : -1;
			setAt(0);
			onFound(first < 0 || !wanted ? null : [first, first + wanted.length]);
		},
	};
}

function Find({ find }: { find: ReturnType<typeof useFind> }) {
	const id = useId();
	const hasNone = find.found.positions.length === 0;

	function onKeyDown(event: KeyboardEvent) {
		if (event.key !== "Enter") return;
		event.preventDefault();
		find.step(event.shiftKey ? -1 : 1);
	}

	return (
		<search className="reader-find">
			<label className="label" htmlFor={id}>
				Find digits
			</label>
			<div className="reader-line">
				<input
					id={id}
					className="input is-small number"
					inputMode="numeric"
					autoComplete="off"
					enterKeyHint="search"
					placeholder="999999"
					value={find.text}
					onChange={(event) => find.type(event.currentTarget.value)}
					onKeyDown={onKeyDown}
					aria-describedby={`${id}-found`}
				/>
				<button type="button" className="button is-small" aria-label="Previous match" disabled={hasNone} onClick={() => find.step(-1)}>
					<span aria-hidden="true">↑</span>
				</button>
				<button type="button" className="button is-small" aria-label="Next match" disabled={hasNone} onClick={() => find.step(1)}>
					<span aria-hidden="true">↓</span>
				</button>
			</div>
			<p className="help" id={`${id}-found`} role="status">
				{find.message}
			</p>
		</search>
	);
}

function Jump({ length, onJump }: { length: number; onJump: (position: number) => void }) {
	const id = useId();
	const [text, setText] = useState("");
	const position = parseIndex(text);
	const isWithin = position !== null && position >= 1 && position <= length;
	const isWrong = text.trim() !== "" && !isWithin;

	function jump(event: SyntheticEvent) {
		event.preventDefault();
		if (isWithin) onJump(position - 1);
	}

	return (
		<form className="reader-jump" onSubmit={jump} noValidate>
			<label className="label" htmlFor={id}>
				Go to digit
			</label>
			<div className="reader-line">
				<input
					id={id}
					className={isWrong ? "input is-small number is-danger" : "input is-small number"}
					inputMode="numeric"
					autoComplete="off"
					placeholder={`1 to ${formatCount(length)}`}
					value={text}
					onChange={(event) => setText(event.currentTarget.value)}
					aria-invalid={isWrong ? true : undefined}
					aria-describedby={`${id}-help`}
				/>
				<button type="submit" className="button is-small" disabled={!isWithin}>
					Go
				</button>
			</div>
			<p className="help is-danger" id={`${id}-help`} aria-live="polite">
				{isWrong ? `From 1 to ${formatCount(length)}.` : ""}
			</p>
		</form>
	);
}

/* All digits of a number, which can be scrolled, searched and jumped about in. */
export function DigitReader({ digits }: { digits: string }) {
	const [current, setCurrent] = useState<Range | null>(null);
	const find = useFind(digits, setCurrent);

	return (
		<div className="sheet reader">
			<div className="reader-tools">
				<Find find={find} />
				<Jump length={digits.length} onJump={(position) => setCurrent([position, position + 1])} />
			</div>
			<DigitList digits={digits} found={find.found} current={current} />
		</div>
	);
}
