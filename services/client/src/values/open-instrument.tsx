/* The instrument of a stranger: small indexes are calculated and read without a token, so that each number is there as soon as it is chosen. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { messageOf } from "../api/failure";
import type { Kind } from "../api/generated";
import { IndexField, KindChoice, problemOf } from "./controls";
import { shownOf } from "./digits";
import { formatCount, formatDigits } from "./format";
import { estimate, introduction, parseIndex } from "./kinds";
import { MOST_ON_STAGE, Stage, type StageState } from "./stage";
import { kindsQuery, resultQuery } from "./values";

export interface Calculation {
	kind: Kind;
	index: number;
}

interface Famous extends Calculation {
	name: string;
	text: string;
}

/* Numbers that people know, or are glad to. services/client/tests/famous.test.ts checks what is said of them. */
export const FAMOUS: readonly Famous[] = [
	{ kind: "factorial", index: 52, name: "52!", text: "ways to shuffle a deck of cards" },
	{ kind: "fibonacci", index: 11, name: "F(12)", text: "the last square among the Fibonacci numbers" },
	{ kind: "factorial", index: 70, name: "70!", text: "the first factorial beyond a googol" },
	{ kind: "lucas", index: 353, name: "L(353)", text: "a prime of 74 digits" },
	{ kind: "primorial", index: 100, name: "100#", text: "all primes below a hundred, multiplied" },
	{ kind: "factorial", index: 1000, name: "1,000!", text: "ends in 249 zeros" },
];

const FIRST: Calculation = { kind: "factorial", index: 52 };
const USUAL_LIMIT = 1000; // until the server has said which it is
const SETTLES_MS = 120; // so that not every step of a slider is asked for

function useSettled({ kind, index }: Calculation): Calculation {
	const [settled, setSettled] = useState({ kind, index });

	useEffect(() => {
		const timer = setTimeout(
			() => setSettled((before) => (before.kind === kind && before.index === index ? before : { kind, index })),
			SETTLES_MS,
		);
		return () => clearTimeout(timer);
	}, [kind, index]);
	return settled;
}

function useStage(chosen: Calculation): StageState {
	const settled = useSettled(chosen);
	const { data, error, isPlaceholderData } = useQuery({
		...resultQuery(settled.kind, settled.index, true),
		placeholderData: keepPreviousData,
	});
	const isSettled = settled.kind === chosen.kind && settled.index === chosen.index;

	if (error && isSettled) return { is: "problem", text: messageOf(error) };
	if (!data) return { is: "pending", text: data === null ? "Being calculated" : "Fetching" };
	return {
		is: "done",
		shown: shownOf(data.result, MOST_ON_STAGE),
		durationUs: data.duration_us,
		isOld: isPlaceholderData || !isSettled,
	};
}

export function OpenInstrument() {
	const id = useId();
	const [kind, setKind] = useState<Kind>(FIRST.kind);
	const [text, setText] = useState(`${FIRST.index}`);
	const [chosen, setChosen] = useState(FIRST); // the last one that was valid
	const { data: kinds } = useQuery(kindsQuery);
	const limit = kinds?.find((one) => one.kind === kind)?.anonymous_limit ?? undefined;
	const state = useStage(chosen);
	const index = parseIndex(text);

	function choose(nextKind: Kind, nextText: string) {
		const nextIndex = parseIndex(nextText);
		const nextLimit = kinds ? (kinds.find((one) => one.kind === nextKind)?.anonymous_limit ?? -1) : USUAL_LIMIT;
		setKind(nextKind);
		setText(nextText);
		if (nextIndex !== null && nextIndex <= nextLimit) setChosen({ kind: nextKind, index: nextIndex });
	}

	const isTooHigh = index !== null && limit !== undefined && index > limit;
	const problem = isTooHigh ? `Register to go beyond ${formatCount(limit)}.` : problemOf(text, limit);
	const size = state.is === "done" && !state.isOld ? formatDigits(state.shown.length) : estimate(chosen.kind, chosen.index);
	const hint = index === null ? "Choose an index." : `${introduction(chosen.kind, chosen.index)}: ${size}.`;
	return (
		<div className="sheet instrument">
			<div className="instrument-controls">
				<KindChoice kind={kind} onKind={(next) => choose(next, text)} />
				<IndexField id={`${id}-index`} text={text} limit={limit} problem={problem} hint={hint} onText={(next) => choose(kind, next)} />
				<div className="field">
					<label className="label" htmlFor={`${id}-slide`}>
						Or slide
					</label>
					<input
						id={`${id}-slide`}
						className="slider"
						type="range"
						min={0}
						max={limit ?? USUAL_LIMIT}
						value={Math.min(index ?? 0, limit ?? USUAL_LIMIT)}
						aria-valuetext={`index ${formatCount(chosen.index)}`}
						onChange={(event) => choose(kind, event.currentTarget.value)}
					/>
					<p className="ticks" aria-hidden="true">
						<span>0</span>
						<span>{formatCount(limit ?? USUAL_LIMIT)}</span>
					</p>
				</div>
			</div>
			<Stage kind={chosen.kind} index={chosen.index} state={state} />
			<ul className="famous" aria-label="Well-known numbers">
				{FAMOUS.map((one) => (
					<li key={one.name} data-kind={one.kind}>
						<button
							type="button"
							className="famous-one"
							aria-pressed={one.kind === chosen.kind && one.index === chosen.index}
							onClick={() => choose(one.kind, `${one.index}`)}
						>
							<b>{one.name}</b> <span>{one.text}</span>
						</button>
					</li>
				))}
			</ul>
		</div>
	);
}
