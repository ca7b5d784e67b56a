import { useEffect, useRef } from "react";

/* Returns the function that gives a signal, which is aborted when the component goes: with it go the browser's dialogs that it has opened. */
export function useLeaving(): () => AbortSignal {
	const ref = useRef(new AbortController());

	useEffect(() => {
		const own = new AbortController();
		ref.current = own;
		return () => own.abort();
	}, []);
	return () => ref.current.signal;
}
