import { useMutation, useQueryClient } from "@tanstack/react-query";
import { retryValue, submitValue } from "../api/calls";
import { Failure, messageOf } from "../api/failure";
import type { Kind } from "../api/generated";
import { dismissErrors, notify } from "../parts/notices";
import { addRetried } from "./values";

interface Calculation {
	kind: Kind;
	index: number;
}

/* Users put back only what they have submitted, so a user who followed a link to it submits it first. */
async function retryOrSubmit({ kind, index }: Calculation) {
	try {
		return await retryValue(kind, index);
	} catch (error) {
		if (!(error instanceof Failure && error.httpStatus === 404)) throw error;
		await submitValue(kind, index);
		return retryValue(kind, index);
	}
}

/* Puts a failed calculation back, for a row of the list and for the page of a result. */
export function useRetry() {
	const queries = useQueryClient();

	return useMutation({
		mutationFn: retryOrSubmit,
		onMutate: dismissErrors,
		onSuccess: (retried) => addRetried(queries, retried),
		onError: (error) => notify("danger", messageOf(error)),
	});
}
