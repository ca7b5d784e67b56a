import { useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";

/* The filter of the address, and how it is changed. Typing replaces the entry of the history, so that going back does not go through each letter. */
export function useAddressFilter<Filter extends { text: string }>(
	filterOf: (search: string) => Filter,
	searchOf: (filter: Filter) => string,
): [Filter, (change: Partial<Filter>) => void] {
	const { search } = useLocation();
	const navigate = useNavigate();
	const latestRef = useRef(search); // a change may come before the one before it is rendered

	useEffect(() => {
		latestRef.current = search;
	}, [search]);

	function change(some: Partial<Filter>) {
		latestRef.current = searchOf({ ...filterOf(latestRef.current), ...some });
		navigate({ search: latestRef.current }, { replace: "text" in some });
	}

	return [filterOf(search), change];
}
