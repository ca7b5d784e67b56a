import { useEffect, useRef, useState } from "react";

const SETTLES_MS = 250;

/* The text of a field whose address, which has TEXT, follows what is typed once no key was pressed for a moment. */
export function useSettled(text: string, onText: (text: string) => void): [typed: string, setTyped: (typed: string) => void] {
	const [typed, setTyped] = useState(text);
	const sentRef = useRef(text);
	const onTextRef = useRef(onText);

	onTextRef.current = onText; // when the timer ends the other choices may have changed

	/* When the history is gone through; but what was sent from here may have been typed on since. */
	useEffect(() => {
		if (text !== sentRef.current) setTyped(text);
		sentRef.current = text;
	}, [text]);

	useEffect(() => {
		if (typed === sentRef.current) return;
		const timer = setTimeout(() => {
			sentRef.current = typed;
			onTextRef.current(typed);
		}, SETTLES_MS);
		return () => clearTimeout(timer);
	}, [typed]);
	return [typed, setTyped];
}
